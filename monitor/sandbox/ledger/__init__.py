"""Accounts, double-entry ledger, and the valuation of margin accounts."""
