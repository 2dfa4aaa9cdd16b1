"""View models: what a page shows, worked out from the documents; the templates only place it."""
