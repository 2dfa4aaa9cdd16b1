"""The database: schema, connections and the one writer, writes, and readers."""
