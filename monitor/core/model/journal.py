"""The journal entry of one step: everything that is committed before anything is sent."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.model.alert import Alert, AlertTransition, MetricScope, Notification, Severity
from monitor.core.model.events import ReadFailed, StreamEvent
from monitor.core.model.intent import Intent, IntentStep
from monitor.core.model.ledger import ForeignMovement, Movement
from monitor.core.model.lending_terms import LendingTerms


@dataclass(frozen=True, slots=True)
class Sample:
    """One metric value at one time.

    `value` is INFINITE when nothing is owed or no move reaches the level, None when unavailable.
    """

    scope: MetricScope
    subject: str
    metric: str
    at: datetime
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to the named channels that belongs to no alert. `intent` is the intent that it is about, if any."""

    severity: Severity
    text: str
    channels: tuple[str, ...]
    at: datetime
    intent: int | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Everything that one step of one account records, in one transaction.

    `alerts` are whole rows as they are now (insert or replace by id). `intents` are new intents or new states, with
    their `intent_steps`. Of `movements` and `gap_movements` (movements in a gap of the record), known ones are left
    out. `known_until`: the record has no gap before that moment. `live` is the account's status document (JSON text),
    None when unchanged.
    """

    account: str
    at: datetime
    events: tuple[StreamEvent, ...] = ()
    failures: tuple[ReadFailed, ...] = ()
    samples: tuple[Sample, ...] = ()
    alerts: tuple[Alert, ...] = ()
    transitions: tuple[AlertTransition, ...] = ()
    notifications: tuple[Notification, ...] = ()
    notices: tuple[Notice, ...] = ()
    intents: tuple[Intent, ...] = ()
    intent_steps: tuple[IntentStep, ...] = ()
    movements: tuple[Movement, ...] = ()
    terms: tuple[LendingTerms, ...] = ()
    gap_movements: tuple[ForeignMovement, ...] = ()
    known_until: datetime | None = None
    live: str | None = None
    paused_by: str = ""
    """Reason to pause all actions with this entry, as a person could; empty when there is none."""

    @property
    def is_empty(self) -> bool:
        return self.live is None and not (
            self.events
            or self.failures
            or self.samples
            or self.alerts
            or self.transitions
            or self.notifications
            or self.notices
            or self.intents
            or self.intent_steps
            or self.movements
            or self.terms
            or self.paused_by
            or self.gap_movements
            or self.known_until
        )
