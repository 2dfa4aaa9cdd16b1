"""The one table of keys that are part of the configuration but whose function is not there yet.

Such a key is refused unless it has its off value. Whoever builds the function removes its line here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.config.errors import Wrong


@dataclass(frozen=True, slots=True)
class Off:
    """Values of the key that are accepted although nothing is built; an absent key is the first of them."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """Values of the key that are refused, while all others work."""

    values: tuple[Any, ...]


NOT_YET: Mapping[str, Off | Unbuilt] = {
    # Until there is something that listens, leaving the key out means "", not the documented default.
    "http.listen": Off(("",)),
    "http.token": Off(("",)),
    "http.public_url": Off(("",)),
    "exchange.account_stream": Unbuilt(("listen-key-v2",)),
}
"""By `table` or `table.key`."""


def refusal(path: str, value: object) -> Wrong | None:
    """Why this value of the table or key is refused; None when it works."""
    match NOT_YET.get(path):
        case Off(values) if not any(_same(value, off) for off in values):
            return Wrong("is not available yet", "leave it out" if "." in path else f"remove [{path}]")
        case Unbuilt(values) if value in values:
            return Wrong(f'"{value}" is not available yet', "choose another")
        case _:
            return None


def off_value(path: str) -> object | None:
    """The value that an absent key stands for because its function is not there yet; None: its own default."""
    entry = NOT_YET.get(path)
    return entry.values[0] if isinstance(entry, Off) else None


def _same(value: object, off: object) -> bool:
    return type(value) is type(off) and value == off
