"""The lease of the database: who holds it sends, and nobody else."""
