"""The documents that reading commands print and the API sends: each a query with checked parameters.

`query.read(reads)` gives the document, from a command's database or from a connection of the daemon's.
"""
