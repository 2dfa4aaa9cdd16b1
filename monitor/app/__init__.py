"""The composition root: from a configuration to everything that runs."""
