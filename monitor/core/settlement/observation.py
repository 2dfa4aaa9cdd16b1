"""Observations after an order was sent, and the verdicts that they can prove."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import ExchangeRecord
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.numbers.amounts import ZERO

MIN_OBSERVATIONS = 5
"""Least number of observations, all without a trace, before an order may count as not executed."""

CLOCK_TOLERANCE = timedelta(seconds=5)
"""Most time by which the exchange may date a record before our timestamp of the send, an estimate of its time."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One observation after an order was sent: the records that may be its traces, and the balances.

    `at` is the time of the balances. `owed` and `free` are those of the order's asset in its scope, `source` is the
    balance of `Intent.source_before`; None where a balance could not be read. `sent_elsewhere` is the amount that other
    orders of this database are known to have taken out of the source since. `ledger` holds the margin ledger's rows of
    the asset in the scope, read after the balances; None: not read.
    """

    at: datetime
    records: tuple[ExchangeRecord, ...]
    owed: Decimal | None = None
    free: Decimal | None = None
    source: Decimal | None = None
    sent_elsewhere: Decimal = ZERO
    ledger: tuple[LedgerRow, ...] | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The order was executed: the exchange's record and the changed balance agree. `at` is the time of that balance."""

    evidence: str
    ref: str
    at: datetime
    amount: Decimal | None = None
    """Amount that an order on the market brought; None: the amount is as requested."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The order was not executed."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """The observations do not decide yet whether the order was executed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """The observations did not decide in time: a person is asked, and verification goes on."""

    reason: str


Verdict = Confirmed | Failed | Undecided | Unresolved


def find_send_time(intent: Intent) -> datetime:
    """Time at which the intent was sent, in exchange time."""
    return intent.submitted_at or intent.created_at


def decide_later(intent: Intent, reason: str, safety: SafetySettings, now: datetime) -> Undecided | Unresolved:
    """Verdict that leaves the decision to a later observation, or after `safety.unresolved_after` to a person."""
    if intent.state is not IntentState.UNRESOLVED and now - find_send_time(intent) >= safety.unresolved_after:
        return Unresolved(reason)
    return Undecided(reason)


def compute_decrease(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    """Amount by which a balance fell; None if one of the two values is not known."""
    return None if before is None or after is None else before - after
