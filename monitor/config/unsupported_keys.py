"""Configuration keys whose function does not exist yet.

Such a key is refused unless it has its off value. Whoever builds the function removes its line here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.config.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class AcceptedValues:
    """Values of the key that are accepted although nothing is built; an absent key means the first of them."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RefusedValues:
    """Values of the key that are refused, while all others work."""

    values: tuple[Any, ...]


UNSUPPORTED: Mapping[str, AcceptedValues | RefusedValues] = {
    # Until there is a listener, an absent key means "", not the documented default.
    "http.listen": AcceptedValues(("",)),
    "http.token": AcceptedValues(("",)),
    "http.public_url": AcceptedValues(("",)),
    "exchange.account_stream": RefusedValues(("listen-key-v2",)),
}
"""Accepted or refused values by `table` or `table.key`."""


def refusal_reason(path: str, value: object) -> InvalidValue | None:
    """The reason why this value of the table or key is refused; None when it works."""
    match UNSUPPORTED.get(path):
        case AcceptedValues(values) if not any(_is_same(value, off) for off in values):
            return InvalidValue("is not available yet", "leave it out" if "." in path else f"remove [{path}]")
        case RefusedValues(values) if value in values:
            return InvalidValue(f'"{value}" is not available yet', "choose another")
        case _:
            return None


def default_when_unsupported(path: str) -> object | None:
    """The value of an absent key whose function does not exist yet; None: the key's own default."""
    entry = UNSUPPORTED.get(path)
    return entry.values[0] if isinstance(entry, AcceptedValues) else None


def _is_same(value: object, off: object) -> bool:
    return type(value) is type(off) and value == off
