"""One step from event to decision, the reads it requests, and what is derived from its records."""
