"""Actions: sizing, limits and planning of repayments, transfers and reductions."""
