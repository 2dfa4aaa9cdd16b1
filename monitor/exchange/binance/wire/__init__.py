"""Payload models in the exchange's own spelling. Importable only inside this folder's parent."""
