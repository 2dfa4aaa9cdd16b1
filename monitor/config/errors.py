"""Errors of a configuration: collected while reading, reported together with location and fix."""

from dataclasses import dataclass

from monitor.errors import ConfigError


class InvalidValue(Exception):
    """A value that is not accepted. The reader adds the location and makes a ConfigError of it.

    `key` is the location within the value, if that is a table.
    """

    def __init__(self, message: str, mend: str = "", *, key: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.key = key


MAX_SHOWN_NAME = 100
"""Characters of a table's own name up to which a location shows it."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a configuration file: prints as `config.toml: rules[0] "cross-margin-low".when`."""

    file: str
    path: str = ""

    def key(self, name: str) -> "Location":
        return Location(self.file, f"{self.path}.{name}" if self.path else name)

    def item(self, index: int, name: object = None) -> "Location":
        """The location of one table of an array of tables; `name` is its own name if readable and not endless."""
        is_shown = isinstance(name, str) and name.isprintable() and 0 < len(name) <= MAX_SHOWN_NAME
        label = f' "{name}"' if is_shown else ""
        return Location(self.file, f"{self.path}[{index}]{label}")

    def __str__(self) -> str:
        return f"{self.file}: {self.path}" if self.path else self.file


class ErrorList:
    """The errors found so far. Reading goes on after an error, so that all are reported at once."""

    def __init__(self) -> None:
        self._errors: list[ConfigError] = []

    def __len__(self) -> int:
        return len(self._errors)

    def add(self, place: Location, message: str, mend: str = "") -> None:
        self._errors.append(ConfigError(message, where=str(place), mend=mend))

    def add_error(self, error: ConfigError) -> None:
        """Add an error that was found elsewhere, with the errors in its `others`."""
        self._errors.extend((error, *error.others))

    def add_invalid(self, place: Location, wrong: InvalidValue) -> None:
        self.add(place.key(wrong.key) if wrong.key else place, wrong.message, wrong.mend)

    def raise_if_any(self) -> None:
        """Raise the first error with all further ones in its `others`. Nothing when there is none."""
        if self._errors:
            first, *rest = self._errors
            first.others = tuple(rest)
            raise first
