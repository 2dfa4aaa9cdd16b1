"""Rules of the configuration: the schema of their tables, and the files that they are in."""
