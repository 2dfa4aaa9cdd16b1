"""margin-monitor: watches Binance margin accounts, warns early and acts within strict limits."""

__version__ = "0.1.0"
