"""Input files of simulations: portfolios, price bars, and tests of rules."""
