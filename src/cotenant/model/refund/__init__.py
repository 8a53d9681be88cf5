"""Refunds: what the operator takes off `status.used`, and when, so that real objects never pass the limit.

The invariant: `used` is never less than what exists or may still come to exist (admitted, not stored yet). Everything
here is a pure function of what was seen. Not wired in yet: the executor in `apply/refunds.py` runs by itself.
"""
