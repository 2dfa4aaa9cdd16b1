"""Servers on loopback with the interfaces of services that people can answer from."""
