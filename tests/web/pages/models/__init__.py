"""View models from documents."""
