"""An intent: a decided, recorded order that is sent at most once; its states and transitions."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

from monitor.core.model.account import Scope
from monitor.core.model.order import (
    ActionKind,
    ManualCall,
    ManualCallKind,
    Order,
    Repay,
    RequestLog,
    Transfer,
    TransferPurpose,
)

IntentMode = Literal["dry-run", "approve", "live", "manual"]


class IntentState(StrEnum):
    PROPOSED = "PROPOSED"
    PLANNED = "PLANNED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    SIMULATED = "SIMULATED"
    SUBMITTING = "SUBMITTING"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    REFUSED = "REFUSED"
    UNCERTAIN = "UNCERTAIN"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    UNRESOLVED = "UNRESOLVED"


_S = IntentState

LEGAL_TRANSITIONS: frozenset[tuple[IntentState | None, IntentState]] = frozenset(
    {
        (None, _S.PROPOSED),
        (None, _S.PLANNED),
        (_S.PROPOSED, _S.PLANNED),
        (_S.PROPOSED, _S.REJECTED),
        (_S.PROPOSED, _S.EXPIRED),
        (_S.PLANNED, _S.SUBMITTING),
        (_S.PLANNED, _S.EXPIRED),
        (_S.PLANNED, _S.SIMULATED),
        (_S.SUBMITTING, _S.ACKNOWLEDGED),
        (_S.SUBMITTING, _S.REFUSED),
        (_S.SUBMITTING, _S.UNCERTAIN),
        (_S.SUBMITTING, _S.EXPIRED),
        (_S.ACKNOWLEDGED, _S.CONFIRMED),
        (_S.ACKNOWLEDGED, _S.FAILED),
        (_S.ACKNOWLEDGED, _S.UNRESOLVED),
        (_S.UNCERTAIN, _S.CONFIRMED),
        (_S.UNCERTAIN, _S.FAILED),
        (_S.UNCERTAIN, _S.UNRESOLVED),
        (_S.UNRESOLVED, _S.CONFIRMED),
        (_S.UNRESOLVED, _S.FAILED),
    }
)
"""Every transition of an intent; from None: its creation. The database holds the same list as a CHECK.

From SUBMITTING to EXPIRED goes only an intent that was provably never sent: its sender itself withheld it.
"""

IN_FLIGHT_STATES = frozenset({_S.SUBMITTING, _S.ACKNOWLEDGED, _S.UNCERTAIN, _S.UNRESOLVED})
"""States in which money may have moved and the outcome is not yet known."""

FINAL_STATES = frozenset({_S.REJECTED, _S.EXPIRED, _S.SIMULATED, _S.REFUSED, _S.CONFIRMED, _S.FAILED})

SPENT_STATES = IN_FLIGHT_STATES | {_S.CONFIRMED}
"""States whose amount counts against the limits: money moved or may have moved."""


class BalanceBefore(NamedTuple):
    """Amounts held and owed of an asset, in the scope that an order is to help, right before it was sent."""

    asset: str
    held: Decimal
    owed: Decimal


@dataclass(frozen=True, slots=True)
class Intent:
    """One order that may be sent at most once.

    `plan` groups the intents of one alert episode. `destination` is the scope that the plan is to help when the order
    first goes elsewhere, None when it goes there directly. `purpose` is the purpose of a transfer. `ref` is the
    exchange's transaction id once it is known. `submitted_at` is when the order was sent, in exchange time as its
    records are.

    `owed_before`, `free_before`, `source_before` and `balances_before` are amounts right before the send. Owed: of the
    asset in the scope. Free: there. Source: the free amount where a transfer comes from, the held amount of what is
    sold, the locked amount of what is to be unlocked. Balances: the whole scope that the order is to help.

    `refused_code` is the exchange's code of a refusal; `refused_transiently`: the same order may be accepted later.
    `executed_late`: the intent is FAILED, but moved money after all, which counts as spent. `resolved_by` is the person
    who settled it. `stopped_by_limit`: the intent is EXPIRED because a limit stopped it right before the send.
    `awaits_judgement`: the intent moved money, and whether it lowered the level is not known yet.

    `asked_at` is when the first channel accepted a message about the intent, or when a person approved it before any
    channel did: the time until `expires_at` counts from then. `evidence` is text for people alone. `uid` is the
    exchange's number of the user in whose account the intent was decided; None when unknown, or for a manual order.
    """

    id: int
    plan: int | None
    action: str
    kind: ActionKind | ManualCallKind
    mode: IntentMode
    account: str
    order: Order | ManualCall
    state: IntentState
    amount_usdt: Decimal
    created_at: datetime
    alert: int | None = None
    destination: Scope | None = None
    purpose: TransferPurpose | None = None
    reason: str | None = None
    level_before: Decimal | None = None
    level_after: Decimal | None = None
    submitted_at: datetime | None = None
    settled_at: datetime | None = None
    owed_before: Decimal | None = None
    free_before: Decimal | None = None
    source_before: Decimal | None = None
    ref: str | None = None
    evidence: str | None = None
    expires_at: datetime | None = None
    refused_code: int | None = None
    refused_transiently: bool = False
    executed_late: bool = False
    resolved_by: str | None = None
    stopped_by_limit: bool = False
    asked_at: datetime | None = None
    balances_before: tuple[BalanceBefore, ...] = ()
    uid: int | None = None
    awaits_judgement: bool = False

    @property
    def scope(self) -> Scope:
        return self.order.scope

    def is_made_by(self, action: str) -> bool:
        """True if the configured `action` made the intent. No action makes a manual order, whatever it is called."""
        return self.mode != "manual" and self.action == action

    @property
    def is_unnamed(self) -> bool:
        """True if the order bears no mark of its sender, and no answer gave its number: equal ones look alike."""
        return self.ref is None and isinstance(self.order, Repay | Transfer)

    @property
    def is_timed_out(self) -> bool:
        """True if the intent was proposed and its time passed without an answer, asked for or not."""
        at, ends = self.settled_at, self.expires_at
        return self.state is IntentState.EXPIRED and at is not None and ends is not None and at >= ends

    @property
    def is_unasked(self) -> bool:
        """True if the time of the proposal passed before any channel accepted a message about it."""
        return self.is_timed_out and self.asked_at is None

    @property
    def target_scope(self) -> Scope:
        """The scope whose level the intent is to raise."""
        return self.scope if self.destination is None else self.destination

    @property
    def asset(self) -> str:
        return self.order.asset

    @property
    def amount(self) -> Decimal:
        return self.order.amount


def mark_approval_requested(intent: Intent, at: datetime) -> Intent:
    """Return the intent once a channel has accepted a message about it: the time to answer a proposal begins then."""
    if intent.state is not IntentState.PROPOSED or intent.expires_at is None:
        return replace(intent, asked_at=at)
    begins = max(at, intent.created_at)
    return replace(intent, asked_at=at, expires_at=begins + (intent.expires_at - intent.created_at))


@dataclass(frozen=True, slots=True)
class IntentStep:
    """One step of an intent: appended, never changed. `trace` is set when a request led to the step."""

    intent: int
    from_state: IntentState | None
    to_state: IntentState
    at: datetime
    note: str
    trace: RequestLog | None = field(default=None, compare=False)
