"""Odds of liquidation: the balances and debts of now, taken through every window of the past.

`calculation.measure_odds` is the one calculation. It computes in floats (numpy) to find the windows that matter, and
states their figures exactly, in Decimal. `child.measure_in_child` runs it in a process that ends with its answer.
"""
