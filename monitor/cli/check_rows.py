"""Rows of `check`: the result of one check each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from monitor.errors import MonitorError

CheckStatus = Literal["ok", "warning", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The result of one check. `account` when it is about one, `mend` when there is something to fix."""

    name: str
    result: CheckStatus
    detail: str
    mend: str | None = None
    account: str | None = None


def error_row(name: str, error: MonitorError | OSError, account: str | None = None) -> CheckRow:
    if isinstance(error, OSError):
        return CheckRow(name, "error", f"{error.filename}: {error.strerror}", None, account)
    detail = f"{error.where}: {error.message}" if error.where else error.message
    return CheckRow(name, "error", detail, error.mend or None, account)


def skipped_rows(why: str, account: str, names: Sequence[str]) -> list[CheckRow]:
    return [CheckRow(name, "skipped", why, account=account) for name in names]
