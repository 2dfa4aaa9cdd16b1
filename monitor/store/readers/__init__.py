"""Queries of commands and pages, a module for each topic: functions of a connection."""
