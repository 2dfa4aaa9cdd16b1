"""Packages that only some installations have, each with the extra that brings it."""

import importlib
from collections.abc import Mapping

EXTRAS: Mapping[str, str] = {"psycopg": "postgres", "paho.mqtt.client": "mqtt"}
"""The extra of a module. uvloop (extra `fast`) is used where it is installed, and nobody misses it elsewhere."""


def missing_package_fix(module: str) -> str | None:
    """The command that installs what a module needs; None where the module can be imported."""
    try:
        importlib.import_module(module)
    except ImportError:
        return f'pip install "margin-monitor[{EXTRAS[module]}]"'
    return None
