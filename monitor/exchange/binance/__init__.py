"""The adapter of Binance margin accounts."""
