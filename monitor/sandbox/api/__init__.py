"""Shared parts of all endpoints: parameters, authentication, errors, request weight."""
