"""The files that rehearsals read: portfolios, price bars, and tests of rules."""
