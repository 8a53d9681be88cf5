"""What `verify` does: the tenants are gathered, every attempt is tried, the judge hears the answers."""
