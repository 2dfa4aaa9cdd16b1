"""Exchange adapters behind one port."""
