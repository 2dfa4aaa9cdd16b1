"""Recovery of order steps that a database has lost, as by a failover to a standby that lacked them."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.model.intent import FINAL_STATES, LEGAL_TRANSITIONS, SPENT_STATES, Intent, IntentState, IntentStep
from monitor.core.numbers.durations import DAY
from monitor.errors import StoreError
from monitor.store.schema import tables
from monitor.store.schema.columns import to_milliseconds
from monitor.store.writes import intents

_S = IntentState

NOTE = "recorded once more: the database had lost it"

_SENT = SPENT_STATES | {_S.REFUSED, _S.FAILED}
_BEFORE_SENDING = frozenset({_S.PROPOSED, _S.PLANNED})


def select_sent_intents(known: Iterable[Intent], now: datetime) -> tuple[Intent, ...]:
    """Return the intents that were sent and that some limit may still count."""
    return tuple(
        intent
        for intent in known
        if intent.state in _SENT
        and (at := intent.submitted_at) is not None
        and (intent.state not in FINAL_STATES or now - (intent.settled_at or at) < DAY)
    )


def restore_intent_steps(connection: Connection, intent: Intent, now: datetime) -> bool:
    """Bring a sent intent to the state that its sender knows; return whether the database was behind.

    An intent in that state, or in one from which no legal steps lead there, is left as it is: people and other daemons
    settle orders too. Raises StoreError for an id that belongs to another intent.
    """
    stored = intents.find_intent(connection, intent.id)
    if stored is not None and _identity(stored) != _identity(intent):
        raise StoreError(f"the number of intent {intent.id} belongs to another one")
    way = _way(None if stored is None else stored.state, intent)
    if not way:
        return False
    intent = _with_its_alert(connection, intent)
    steps = [
        IntentStep(intent.id, start, to, min(now, _moment(intent, to, now)), NOTE)
        for start, to in zip((None if stored is None else stored.state, *way), way, strict=False)
    ]
    if stored is None:
        intents.insert_intent(connection, _as_of(intent, steps[0].to_state))
        intents.append(connection, steps.pop(0), intent.account)
    for step in steps:
        if not intents.record_step(connection, _as_of(intent, step.to_state), step):
            raise StoreError(f"intent {intent.id} can't go on to {step.to_state}: another of its kind is in flight")
    return True


def _identity(intent: Intent) -> tuple[str, int]:
    """Return the fields that no step changes, as exactly as they are stored."""
    return intent.account, to_milliseconds(intent.created_at)


def _way(start: IntentState | None, intent: Intent) -> tuple[IntentState, ...]:
    """Return the shortest legal steps to the intent's state, through its acknowledgement if it has one."""
    kept_off = _S.UNCERTAIN if intent.ref is not None else _S.ACKNOWLEDGED
    waiting: deque[tuple[IntentState | None, tuple[IntentState, ...]]] = deque([(start, ())])
    seen = {start}
    while waiting:
        state, way = waiting.popleft()
        if state is intent.state:
            return way
        following = {to for before, to in LEGAL_TRANSITIONS if before is state} - seen
        for to in sorted(following, key=lambda to: (to is kept_off, to)):
            seen.add(to)
            waiting.append((to, (*way, to)))
    return ()


def _as_of(intent: Intent, state: IntentState) -> Intent:
    """Return the intent as it was in an earlier state, when its outcome was not known."""
    if state is intent.state:
        return intent
    before = replace(intent, state=state, settled_at=None, evidence=None, level_after=None, resolved_by=None)
    return replace(before, submitted_at=None, ref=None) if state in _BEFORE_SENDING else before


def _moment(intent: Intent, state: IntentState, now: datetime) -> datetime:
    if state in _BEFORE_SENDING:
        return intent.created_at
    return intent.submitted_at or now if state is _S.SUBMITTING else now


def _with_its_alert(connection: Connection, intent: Intent) -> Intent:
    """Return the intent without its alert's id if the database has lost the alert as well."""
    if intent.alert is None:
        return intent
    known = connection.execute(select(tables.alerts.c.id).where(tables.alerts.c.id == intent.alert)).first()
    return intent if known is not None else replace(intent, alert=None)
