"""The first configuration of a person who answers questions: tried as it grows, its secrets in files of their own."""
