"""What there should be: one room a feature, each a pure function from a view to manifests."""
