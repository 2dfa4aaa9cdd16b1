"""Loans, interest, and transfers between wallets."""
