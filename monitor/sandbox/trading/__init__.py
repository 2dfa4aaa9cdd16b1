"""Orders, fills, order lists, and forced liquidation."""
