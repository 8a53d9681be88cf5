"""gather → render → apply → judge → status, one module a kind."""
