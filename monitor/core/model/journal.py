"""What one step wants remembered: committed in one transaction before anything leaves."""

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
    """One metric value at one time. `value` INFINITE: nothing is owed or no move can do it; None: unavailable."""

    scope: MetricScope
    subject: str
    metric: str
    at: datetime
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Notice:
    """What to say to the named channels that belongs to no alert. `intent` is the one that it is about."""

    severity: Severity
    text: str
    channels: tuple[str, ...]
    at: datetime
    intent: int | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Everything one step of one account wants remembered.

    `alerts` are whole rows as they are now (insert or replace by id), `intents` new ones or new states with
    their `intent_steps`. Of `movements` and `found`, what moved in a gap of the record, those that are known are left
    out. `known_until`: from now on the record has no gap before that. `live` is the account's status document (JSON
    text), None: unchanged.
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
    """Why all actions are paused with it, as if a person had; empty where they are not."""

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
