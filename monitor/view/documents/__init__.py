"""JSON documents for programs, one module each; their fields are those of the reference."""
