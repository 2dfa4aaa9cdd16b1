"""Simulation: rules and actions in virtual time, on given metrics, price bars or recorded samples."""
