"""The pages: their models from documents, and the templates."""
