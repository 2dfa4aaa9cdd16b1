"""Our own figures beside those that the exchange reports."""
