"""Risk arithmetic on values and prices, without any account state."""
