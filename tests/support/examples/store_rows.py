"""Minimal values to store."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import CROSS, InterestCharge, Scope
from monitor.core.model.alert import (
    Alert,
    AlertKey,
    AlertState,
    AlertTransition,
    MetricScope,
    Notification,
    NotificationReason,
)
from monitor.core.model.events import StreamEvent
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.journal import JournalEntry
from monitor.core.model.order import Repay

NOW = datetime(2025, 10, 10, 21, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def event(key: str, *, type: str = "executionReport", scope: Scope = CROSS, seconds: float = 0) -> StreamEvent:
    return StreamEvent("account", scope, type, key, at(seconds), at(seconds), '{"e":"executionReport"}')


def charge(
    tx_id: int, *, scope: Scope = CROSS, asset: str = "USDT", hours: int = 0, amount: str = "0.01"
) -> InterestCharge:
    return InterestCharge(
        scope, asset, asset, Decimal(1000), Decimal(amount), Decimal("0.0003"), "PERIODIC", tx_id, at(3600 * hours)
    )


def alert(
    number: int,
    state: AlertState = AlertState.FIRING,
    *,
    account: str = "main",
    rule: str = "near-call",
    scope: MetricScope = "cross",
    subject: str = "",
) -> Alert:
    return Alert(
        id=number,
        key=AlertKey(rule, account, scope, subject),
        state=state,
        severity="critical",
        since=NOW,
        when="margin_level < 1.3",
        clear="margin_level > 1.4",
        summary="margin level 1.21",
    )


def firing_entry(number: int, *channels: str) -> JournalEntry:
    """The entry of a step in which an alert fires and two channels are to be notified."""
    return JournalEntry(
        "main",
        NOW,
        alerts=(alert(number),),
        transitions=(AlertTransition(number, None, AlertState.FIRING, NOW, Decimal("1.21")),),
        notifications=(Notification(number, NotificationReason.FIRED, "critical", channels or ("phone", "mail"), NOW),),
    )


def intent(
    number: int,
    state: IntentState = IntentState.PLANNED,
    *,
    asset: str = "USDT",
    account: str = "main",
    amount: str = "500",
    scope: Scope = CROSS,
) -> Intent:
    return Intent(
        id=number,
        plan=None,
        action="repay-usdt",
        kind="repay",
        mode="live",
        account=account,
        order=Repay(scope, asset, Decimal(amount)),
        state=state,
        amount_usdt=Decimal(amount),
        created_at=NOW,
    )


def step(number: int, start: IntentState | None, end: IntentState, seconds: float = 0, note: str = "") -> IntentStep:
    return IntentStep(number, start, end, at(seconds), note)


def planned_entry(*intents: Intent) -> JournalEntry:
    """The entry of a step that plans these intents."""
    return JournalEntry(
        intents[0].account,
        NOW,
        intents=intents,
        intent_steps=tuple(step(planned.id, None, planned.state) for planned in intents),
    )
