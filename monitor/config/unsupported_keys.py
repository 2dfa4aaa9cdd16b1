"""Configuration values whose function does not exist yet: they are refused.

Whoever builds the function removes its line here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.config.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class RefusedValues:
    """Values of the key that are refused, while all others work."""

    values: tuple[Any, ...]


UNSUPPORTED: Mapping[str, RefusedValues] = {
    "exchange.account_stream": RefusedValues(("listen-key-v2",)),
}
"""Refused values by `table.key`."""


def refusal_reason(path: str, value: object) -> InvalidValue | None:
    """The reason why this value of the key is refused; None when it works."""
    refused = UNSUPPORTED.get(path)
    if refused is None or value not in refused.values:
        return None
    return InvalidValue(f'"{value}" is not available yet', "choose another")
