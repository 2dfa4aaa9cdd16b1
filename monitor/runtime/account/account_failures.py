"""The failures of one account: how many in a row, and until when it runs without the store because of them."""

import time
from dataclasses import dataclass

from monitor.errors import MonitorError, StoreRefused

STABLE_AFTER_S = 60.0
"""Machine seconds that an account, failed twice in a row, must run until it no longer counts as failing."""

UNRECORDED_BACKOFF_S = (60.0, 120.0, 300.0, 600.0)
"""Machine seconds that an account, refused again after it was built anew, runs unrecorded before the next try."""


@dataclass(slots=True)
class AccountFailures:
    """An account's failures in a row, the cause of the last one, and the last start.

    `refusals`: refused decisions in a row; `unrecorded_until` (machine seconds): until then the account runs without
    the store.
    """

    count: int = 0
    started_at: float = 0.0
    cause: str = ""
    refusals: int = 0
    unrecorded_until: float = 0.0

    @property
    def is_unrecorded(self) -> bool:
        return time.monotonic() < self.unrecorded_until

    def note_refusal(self) -> None:
        """Count a refused decision. After a second one in a row, an account built anew from the store was no help."""
        now = time.monotonic()
        recorded_s = now - max(self.started_at, self.unrecorded_until)
        self.refusals = 1 if recorded_s > STABLE_AFTER_S else self.refusals + 1
        if self.refusals > 1:
            self.unrecorded_until = now + UNRECORDED_BACKOFF_S[min(self.refusals - 1, len(UNRECORDED_BACKOFF_S)) - 1]


def was_refused(error: BaseException) -> bool:
    """Return whether the store refused a decision of the account."""
    if isinstance(error, BaseExceptionGroup):
        return any(was_refused(inner) for inner in error.exceptions)
    return isinstance(error, StoreRefused)


def cause_text(error: BaseException) -> str:
    """Return the cause in a few words."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return str(error) if isinstance(error, MonitorError) else type(error).__name__


def bug_or_none(error: BaseException) -> BaseException | None:
    """Return the error if its trace belongs in the log: a bug. Errors that a person can cure are one line."""
    return None if isinstance(error, MonitorError) else error
