"""Who is told what of a money action."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from monitor.core.account import CROSS
from monitor.core.intents import Intent, IntentState, Repay
from monitor.core.notices import notices_of

NOW = datetime(2025, 10, 10, 21, 0, tzinfo=UTC)
INTENT = Intent(
    id=17,
    plan=1,
    action="repay-idle",
    kind="repay",
    mode="live",
    account="main",
    order=Repay(CROSS, "USDT", Decimal("500.50000000")),
    state=IntentState.PLANNED,
    amount_usdt=Decimal("500.5"),
    created_at=NOW,
)


@pytest.mark.parametrize(
    ("state", "severity", "words"),
    [
        (IntentState.PROPOSED, "critical", "actions approve 17"),
        (IntentState.SIMULATED, "info", "nothing was sent"),
        (IntentState.CONFIRMED, "info", "done"),
        (IntentState.REFUSED, "warning", "refused"),
        (IntentState.UNCERTAIN, "warning", "not sent again"),
        (IntentState.FAILED, "warning", "not carried out"),
        (IntentState.UNRESOLVED, "critical", "actions resolve 17"),
    ],
)
def test_people_hear_how_an_order_stands(state: IntentState, severity: str, words: str) -> None:
    (notice,) = notices_of([replace(INTENT, state=state)], ("phone", "mail"), NOW)
    assert notice.severity == severity
    assert words in notice.text
    assert notice.text.startswith("main cross: repay 500.5 USDT (repay-idle, R-17)")
    assert notice.channels == ("phone", "mail")


@pytest.mark.parametrize("state", [IntentState.PLANNED, IntentState.SUBMITTING, IntentState.ACKNOWLEDGED])
def test_steps_on_the_way_are_told_to_nobody(state: IntentState) -> None:
    assert notices_of([replace(INTENT, state=state)], ("phone",), NOW) == ()


def test_an_expired_order_is_news_only_to_who_was_asked() -> None:
    expired = replace(INTENT, state=IntentState.EXPIRED)
    assert notices_of([expired], ("phone",), NOW) == ()
    assert len(notices_of([replace(expired, mode="approve")], ("phone",), NOW)) == 1


def test_without_channels_nothing_is_said() -> None:
    assert notices_of([replace(INTENT, state=IntentState.CONFIRMED)], (), NOW) == ()
