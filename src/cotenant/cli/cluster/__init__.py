"""What commands do with a cluster: the way to it, what they read there, and what they prove in it."""
