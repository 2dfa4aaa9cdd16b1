"""Rules and actions tried in virtual time, over figures that are given, prices, or what was recorded."""
