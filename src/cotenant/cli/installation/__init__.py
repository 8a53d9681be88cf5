"""What `cotenant install` looks at before it acts, how it acts, and what it waits for."""
