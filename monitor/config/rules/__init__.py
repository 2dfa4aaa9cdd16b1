"""Rules and the actions that they name: the schema of their tables, and the files that they are in."""
