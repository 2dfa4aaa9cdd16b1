"""Exceptions that reach a person, in one tree: where, what, the fix, and the exit code."""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 69
    ANOTHER_INSTANCE = 73
    KEY_REFUSED = 77
    CONFIG = 78


class MonitorError(Exception):
    """An error that a person can fix. Printed as one line: `where: what; mend`.

    `code` is the stable word that `--json` prints; subclasses set it and the exit code.
    """

    code = "error"
    exit_code = ExitCode.NO

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
    """A command line that asks for something impossible."""

    code = "usage"
    exit_code = ExitCode.USAGE


class ParameterInvalid(UsageError):
    """A parameter with an impossible value, of a command or of a request.

    `parameter` is its name, which a request calls it by; `where` is its place on a command line, by default its option.
    """

    def __init__(self, parameter: str, message: str, *, where: str | None = None, mend: str = "") -> None:
        option = f"--{parameter.replace('_', '-')}"
        super().__init__(message, where=option if where is None else where, mend=mend)
        self.parameter = parameter


class ConfigError(MonitorError):
    """A configuration that can't be used as it is. `others` are the further mistakes of the same file."""

    code = "config"
    exit_code = ExitCode.CONFIG
    others: "tuple[ConfigError, ...]" = ()


class StoreError(MonitorError):
    """A database that is unreachable, missing, full, or of another version."""

    code = "store"
    exit_code = ExitCode.UNREACHABLE


class StoreRefused(StoreError):
    """A write that the database refused while it accepted all others: writing it again would not help."""


class AccountNotHeld(StoreRefused):
    """A write of an account that this daemon does not hold: another one may, or this one later."""


class LeaseOutdated(StoreRefused):
    """A claim that the database refused since another daemon has taken the lease: nothing may be sent."""


class WrongDatabaseRevision(StoreError):
    """A database of another version than this program's, or not one of margin-monitor: waiting does not help."""


class PoolSharesSessions(StoreError):
    """A pool before the database that gives a session to another client meanwhile: no lock of a daemon holds there."""

    exit_code = ExitCode.CONFIG


class DaemonAlreadyRunning(StoreError):
    """A database that another daemon holds."""

    code = "another_instance"
    exit_code = ExitCode.ANOTHER_INSTANCE


class OddsFailed(MonitorError):
    """Odds that could not be measured: the process for them failed, was killed, or took too long."""

    code = "odds"


class CommandRefused(MonitorError):
    """A command that can't be carried out in the present state: no such alert, intent already settled, and the like."""

    code = "refused"


class RecordNotFound(CommandRefused):
    """A command about an alert, an intent or a silence that does not exist."""


class KeyRefused(MonitorError):
    """An API key that the exchange refused when the daemon started."""

    code = "key_refused"
    exit_code = ExitCode.KEY_REFUSED


class ExchangeError(MonitorError):
    """A read that failed. `venue_code` and `venue_message` are set when the exchange itself reported the error."""

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
    """A read without a readable answer: connection, time-out, 5xx, ban."""

    code = "exchange_unreachable"
    exit_code = ExitCode.UNREACHABLE


class ExchangeRefused(ExchangeError):
    """A request that the exchange understood and refused."""

    code = "exchange_refused"


class KeyInvalid(ExchangeRefused):
    """A refusal of the key, its IP or its permissions (-2008, -2014, -2015, -1002, -1022)."""

    code = "key_invalid"


class PayloadRejected(ExchangeError):
    """An answer that contradicts itself or its documented form, and is therefore not used."""

    code = "payload_rejected"
    payload = ""
    """Beginning of the answer, for the record; empty where it may hold a secret."""


def nearest_word(word: str, known: Iterable[str], *, only_close: bool = False) -> str:
    """The known word most similar to `word`, or "" when nothing is known.

    With `only_close`, case matters, and "" is returned when no known word is similar enough.
    """
    import difflib

    if only_close:
        found = difflib.get_close_matches(word[:_MAX_COMPARED], list(known), n=1, cutoff=0.6)
    else:
        found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.0)
    return found[0] if found else ""


def suggest_nearest(word: str, known: Iterable[str], *, only_close: bool = False) -> str:
    """A fix that names the known word most similar to `word`; "" as in `nearest_word`."""
    found = nearest_word(word, known, only_close=only_close)
    return f'did you mean "{found}"?' if found else ""


_MAX_COMPARED = 100
"""Number of characters compared: a longer word is no typing error, and comparing it takes long."""
