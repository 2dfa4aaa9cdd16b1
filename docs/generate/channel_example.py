"""The alert of the cookbook's pictures: a cross account below its margin call, as the program measures and words it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.snapshot import measure_subject
from monitor.core.model.account import CROSS, Balance, CrossSnapshot, Price, Thresholds
from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason
from monitor.core.model.events import CrossRead, PricesRead
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, ThresholdState
from monitor.core.state.account_update import apply_account_event
from monitor.view.messages.message import Message, alert_message
from monitor.view.messages.recovery_text import recovery_lines

PAGE = "https://margin.example.org"
FELL_AT = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
NOW = FELL_AT + timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class ExampleAlert:
    """An alert and the message about it."""

    alert: Alert
    message: Message


def example_alert() -> ExampleAlert:
    """Return the alert at the moment it fires."""
    settings = AccountSettings("main")
    thresholds = Thresholds(Decimal("1.5"), Decimal("1.3"), Decimal("1.1"))
    state = AccountState("main", FELL_AT, thresholds=ThresholdState(thresholds, {}))
    prices = {"BTCUSDT": Price(Decimal("39100"), NOW), "ETHUSDT": Price(Decimal("3000"), NOW)}
    for event in (PricesRead(prices), CrossRead(_snapshot())):
        state = apply_account_event(state, event, NOW)
    figures = measure_subject(state, settings, ("cross", ""), NOW)
    alert = Alert(
        id=17,
        key=AlertKey("near-call", "main", "cross", ""),
        state=AlertState.FIRING,
        severity="critical",
        since=FELL_AT,
        when="margin_level < (initial_level + margin_call_level) / 2",
        clear="margin_level > initial_level",
        summary="margin level 1.31",
        value=Decimal("1.31"),
        fired_at=FELL_AT,
    )
    restore = recovery_lines(state, CROSS, figures)
    return ExampleAlert(
        alert, alert_message(alert, NotificationReason.FIRED, figures, NOW, restore=restore, public_url=PAGE)
    )


def _snapshot() -> CrossSnapshot:
    level = Decimal("1.31")
    return CrossSnapshot(
        as_of=NOW,
        received_at=NOW,
        balances={
            "BTC": Balance("BTC", free=Decimal("1.5")),
            "ETH": Balance("ETH", borrowed=Decimal(10)),
            "USDT": Balance("USDT", free=Decimal(20_000), borrowed=Decimal(30_000)),
        },
        margin_level=level,
        collateral_margin_level=level,
        assets_btc=Decimal("2.0115"),
        liabilities_btc=Decimal("1.5345"),
    )
