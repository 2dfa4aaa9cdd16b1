"""Functions that change the database, one module for each group of tables."""
