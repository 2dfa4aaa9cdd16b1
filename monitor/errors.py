"""The one tree of exceptions that reach a person: where, what, the mend, and the exit code."""

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 69
    ANOTHER_INSTANCE = 73
    KEY_REFUSED = 77
    CONFIG = 78


class MonitorError(Exception):
    """Something a person can mend. Printed as one line: `where: what; mend`.

    `code` is the stable word that `--json` prints; subclasses set it and the exit code.
    """

    code = "error"
    exit_code = Exit.NO

    def __init__(self, message: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        line = f"{self.where}: {self.message}" if self.where else self.message
        line = f"{line}; {self.mend}" if self.mend else line
        return " ".join(line.split())


class UsageError(MonitorError):
    """The command line asks for something that cannot be."""

    code = "usage"
    exit_code = Exit.USAGE


class ConfigError(MonitorError):
    """The configuration can't be used as it stands. `others` are the further mistakes of the same file."""

    code = "config"
    exit_code = Exit.CONFIG
    others: "tuple[ConfigError, ...]" = ()


class StoreError(MonitorError):
    """The database is unreachable, missing, full, or of another version."""

    code = "store"
    exit_code = Exit.UNREACHABLE


class StoreRefused(StoreError):
    """The database works, and took everything but this: giving it again would not help."""


class WrongDatabaseRevision(StoreError):
    """The database is of another version than this program, or not one of margin-monitor: waiting mends nothing."""


class AnotherDaemon(StoreError):
    """Another daemon holds this database."""

    code = "another_instance"
    exit_code = Exit.ANOTHER_INSTANCE


class CommandRefused(MonitorError):
    """What a person ordered can't be done as things stand: no such alert, intent already settled, and the like."""

    code = "refused"


class KeyRefused(MonitorError):
    """The exchange refused the API key when the daemon started."""

    code = "key_refused"
    exit_code = Exit.KEY_REFUSED


class ExchangeError(MonitorError):
    """A read that failed. `venue_code` and `venue_message` when the exchange itself said so."""

    code = "exchange"

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        mend: str = "",
        venue_code: int | None = None,
        venue_message: str = "",
    ) -> None:
        super().__init__(message, where=where, mend=mend)
        self.venue_code = venue_code
        self.venue_message = venue_message


class ExchangeUnreachable(ExchangeError):
    """No answer, or none that could be read: connection, time-out, 5xx, ban."""

    code = "exchange_unreachable"
    exit_code = Exit.UNREACHABLE


class ExchangeRefused(ExchangeError):
    """The exchange understood the request and said no."""

    code = "exchange_refused"


class KeyInvalid(ExchangeRefused):
    """The exchange refused the key, its IP or its permissions (-2008, -2014, -2015, -1002, -1022)."""

    code = "key_invalid"


class PayloadRejected(ExchangeError):
    """An answer arrived but contradicts itself or its documented form: not believed."""

    code = "payload_rejected"
    payload = ""
    """The answer's beginning for the record; empty where it may hold a secret."""


def nearest_word(word: str, known: Iterable[str], *, only_close: bool = False) -> str:
    """The known word most like `word`; "" when nothing is known.

    With `only_close` the case of letters counts, and a word that is not much like it is none.
    """
    import difflib

    if only_close:
        found = difflib.get_close_matches(word[:_MAX_COMPARED], list(known), n=1, cutoff=0.6)
    else:
        found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.0)
    return found[0] if found else ""


def suggest_nearest(word: str, known: Iterable[str], *, only_close: bool = False) -> str:
    """A mend that names the known word most like `word`; "" as in `nearest_word`."""
    found = nearest_word(word, known, only_close=only_close)
    return f'did you mean "{found}"?' if found else ""


_MAX_COMPARED = 100
"""Letters of a word that are compared: what is longer is no slip of a known one, and comparing takes long."""
