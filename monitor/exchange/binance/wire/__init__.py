"""Payload models of the venue, in its own spelling. Importable only inside this venue's folder."""
