"""A conflict between keys, and the rule that finds it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from monitor.config.errors import Location
from monitor.config.model import Config
from monitor.config.schema import AccountConfig

ERROR: Literal["error"] = "error"
WARNING: Literal["warning"] = "warning"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two keys that can't both take effect: location, error, fix."""

    location: Location
    message: str
    mend: str


@dataclass(frozen=True, slots=True)
class ConflictRule:
    """The rule of one conflict. `find` yields every conflict of this kind in a configuration."""

    name: str
    result: Literal["warning", "error"]
    find: Callable[[Config], Iterator[Conflict]]


def located_accounts(config: Config) -> Iterator[tuple[Location, AccountConfig]]:
    """Each account with its location."""
    for index, account in enumerate(config.accounts):
        yield item_location(config, "accounts", index, account.name), account


def table_location(config: Config, table: str) -> Location:
    """The location of a table."""
    return Location(config.source.name, table)


def item_location(config: Config, table: str, index: int, name: str) -> Location:
    """The location of one table of an array."""
    return table_location(config, table).item(index, name)
