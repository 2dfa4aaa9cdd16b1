"""Mistakes of a configuration: collected while reading, told together, one line each."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from monitor.errors import ConfigError


class InvalidValue(Exception):
    """A value that cannot be taken. The reader adds the place and makes a ConfigError of it.

    `key` is the place within the value, where it is a table.
    """

    def __init__(self, message: str, mend: str = "", *, key: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.key = key


@dataclass(frozen=True, slots=True)
class Location:
    """Where in which file: prints as `config.toml: rules[0] "cross-margin-low".when`."""

    file: str
    path: str = ""

    def key(self, name: str) -> "Location":
        return Location(self.file, f"{self.path}.{name}" if self.path else name)

    def item(self, index: int, name: object = None) -> "Location":
        """The place of one table of an array of tables; `name` is its own name when it has a readable one."""
        label = f' "{name}"' if isinstance(name, str) and name.isprintable() and name else ""
        return Location(self.file, f"{self.path}[{index}]{label}")

    def __str__(self) -> str:
        return f"{self.file}: {self.path}" if self.path else self.file


class ErrorList:
    """What is wrong so far. Reading goes on after a mistake, so that all are told at once."""

    def __init__(self) -> None:
        self._errors: list[ConfigError] = []

    def __len__(self) -> int:
        return len(self._errors)

    def add(self, place: Location, message: str, mend: str = "") -> None:
        self._errors.append(ConfigError(message, where=str(place), mend=mend))

    def add_error(self, error: ConfigError) -> None:
        """Note a mistake that was found elsewhere, with those that came with it."""
        self._errors.extend((error, *error.others))

    def add_invalid(self, place: Location, wrong: InvalidValue) -> None:
        self.add(place.key(wrong.key) if wrong.key else place, wrong.message, wrong.mend)

    def raise_if_any(self) -> None:
        """Raise the first mistake with all others in its `others`. Nothing when there is none."""
        if self._errors:
            first, *rest = self._errors
            first.others = tuple(rest)
            raise first


def nearest_word(word: str, known: Iterable[str]) -> str:
    """The known word most like `word`, or "" when nothing is known."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.0)
    return found[0] if found else ""
