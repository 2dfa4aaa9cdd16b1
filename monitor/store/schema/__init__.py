"""Tables, column types, SQL checks, and the mapping of core values to rows."""
