"""Escrow: one limit of a tenant, shared out to its spaces, never exceeded at any revision; pure state machines.

Not wired in yet: no controller calls it before the tenant-wide quota comes. Explored and tested by itself.
"""
