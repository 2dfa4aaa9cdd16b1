"""The REST API described once: endpoints, their functions by name, transport, history reader."""
