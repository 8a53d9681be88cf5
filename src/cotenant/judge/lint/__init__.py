"""What `cotenant lint` knows: traps in manifests, each a small function over parsed documents.

bundle (what was read) -> one module a subject, one function a rule -> report (what is wrong, where, and the corrected text)
"""
