"""Level-triggered machinery: what is watched becomes a store, what changed becomes a key, a key becomes a reconcile."""
