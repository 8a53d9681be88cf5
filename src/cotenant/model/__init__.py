"""Pure knowledge: names, quantities, effective values, membership, and the values that flow from watch to status."""
