"""Escrow: one limit of a tenant, shared out to its spaces, never exceeded at any revision; pure state machines."""
