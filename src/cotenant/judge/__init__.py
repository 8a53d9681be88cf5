"""What the outcome means: one check a function, chains make conditions, reasons come from one closed list."""
