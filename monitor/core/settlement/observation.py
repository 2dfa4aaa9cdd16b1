"""What was seen after an order was sent, and what that can prove."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import VenueRecord
from monitor.core.model.safety import Safety
from monitor.core.numbers.amounts import ZERO

MIN_OBSERVATIONS = 5
"""Looks that must all find nothing before an order may count as not done."""

CLOCK_TOLERANCE = timedelta(seconds=5)
"""How much earlier than our stamp of the send, in its own time as we measured it, the exchange may date a record."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look found: the records that may be traces of the order, and the balances after it.

    `at` is when the balances were true. `owed` and `free` are those of the order's asset in its scope, `source` as in
    `Before`; None where it could not be read. `given_elsewhere` is what other orders of ours are known to have taken
    out of the source since. `ledger` is what the margin ledger shows of the asset in the scope, read after the
    balances; None: it was not read.
    """

    at: datetime
    records: tuple[VenueRecord, ...]
    owed: Decimal | None = None
    free: Decimal | None = None
    source: Decimal | None = None
    sent_elsewhere: Decimal = ZERO
    ledger: tuple[LedgerRow, ...] | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """It happened: the exchange's record and the changed balance agree. `at` is when the balance showed it."""

    evidence: str
    ref: str
    at: datetime
    amount: Decimal | None = None
    """What an order on the market brought; None: the amount is as it was asked for."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not happen."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Not decided yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Not decided, and it has been long enough: a person is asked while looking goes on."""

    reason: str


Verdict = Confirmed | Failed | Undecided | Unresolved


def sent_at(intent: Intent) -> datetime:
    """When it was sent, in the exchange's time."""
    return intent.submitted_at or intent.created_at


def decide_later(intent: Intent, reason: str, safety: Safety, now: datetime) -> Undecided | Unresolved:
    """To be looked at again; once that has gone on for long, a person is asked."""
    if intent.state is not IntentState.UNRESOLVED and now - sent_at(intent) >= safety.unresolved_after:
        return Unresolved(reason)
    return Undecided(reason)


def decrease(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    """By how much it became less; None where one of the two is not known."""
    return None if before is None or after is None else before - after
