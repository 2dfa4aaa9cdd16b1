"""The exchange's own word on the cross level: a figure with a time, and the worse of it and the read counts."""

from decimal import Decimal

from monitor.core.alerting.stale_data import blind_text
from monitor.core.metrics.data_quality import gaps
from monitor.core.metrics.snapshot import Sight, figures_of
from monitor.core.model.account import CROSS, IsolatedSnapshot
from monitor.core.model.events import (
    CrossRead,
    IsolatedRead,
    MarginNotice,
    Noticed,
    PricesRead,
    ReadFailed,
    StreamEvent,
)
from monitor.core.model.metric import Missing
from monitor.core.rules.rule import parse_rules
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from monitor.view.documents.account import account_document
from monitor.view.messages.message import _figure_lines
from tests.core.engine.test_step import Story
from tests.support.examples.accounts import NOW, SETTINGS, after, cross, sample_prices, started, told

CALL = parse_rules(
    [{"name": "call", "scope": "cross", "when": "margin_level <= margin_call_level", "severity": "critical"}], "r"
)
NO_PAIRS = IsolatedRead(IsolatedSnapshot(NOW, NOW, {}))


def notice(level: str, seconds: float, status: str = "MARGIN_CALL", late: float = 0) -> StreamEvent:
    said = MarginNotice(Decimal(level), status)
    return StreamEvent("risk", CROSS, "x", f"{seconds}", after(seconds), after(seconds + late), "{}", said)


def seen() -> AccountState:
    return told(started(), PricesRead(sample_prices()), CrossRead(cross()), NO_PAIRS)


def level(state: AccountState, seconds: float) -> object:
    return figures_of(state, SETTINGS, ("cross", ""), after(seconds)).values["margin_level"]


def test_the_worse_of_notice_and_read_counts_until_a_newer_read() -> None:
    state = apply(seen(), notice("1.23", 1), after(1))
    assert level(state, 1) == Decimal("1.23")
    assert level(apply(seen(), notice("1.9", 1), after(1)), 1) == cross().margin_level
    # A read that was asked before the notice does not undo it, one that was asked after it does.
    assert level(apply(state, CrossRead(cross(after(0.5))), after(2)), 2) == Decimal("1.23")
    assert level(apply(state, CrossRead(cross(after(1.5))), after(2)), 2) == cross().margin_level


def test_an_older_notice_is_no_news() -> None:
    state = apply(seen(), notice("1.23", 5), after(5))
    assert level(apply(state, notice("1.1", 4), after(6)), 6) == Decimal("1.23")
    assert level(apply(state, notice("1.2", 6), after(6)), 6) == Decimal("1.2")
    assert apply(seen(), notice("1.2", -1), after(0)).picture.notice is None
    assert apply(seen(), notice("0", 1), after(1)).picture.notice is None
    # A date ahead of us would count for hours.
    assert apply(seen(), notice("1.2", 9999, late=-9998), after(1)).picture.notice == Noticed(
        Decimal("1.2"), "MARGIN_CALL", after(1)
    )


def test_while_nothing_is_read_the_notice_is_the_level() -> None:
    stale = SETTINGS.stale_after.total_seconds()
    state = apply(seen(), notice("1.23", stale), after(stale))
    figures = figures_of(state, SETTINGS, ("cross", ""), after(stale + 1))
    assert (figures.state, figures.values["margin_level"]) == ("stale", Decimal("1.23"))
    assert figures.values["margin_call_level"] == Decimal("1.3")
    assert figures.values["assets_usdt"] is Missing.UNAVAILABLE
    assert level(state, 2 * stale + 1) is Missing.UNAVAILABLE


def test_a_notice_on_an_account_that_was_never_read_fires() -> None:
    story = Story(rules=CALL, state=started(bars=None))
    story.tell(ReadFailed("reference_data", CROSS, NOW, "503"))
    done = story.tell(notice("1.23", 1), 1)
    (alert,) = done.entry.alerts
    assert (alert.key.rule, alert.summary) == ("call", "margin level 1.23")
    assert done.wants == {"cross"}


def test_it_is_in_the_text_of_alerts_and_of_blindness() -> None:
    state = apply(seen(), notice("1.23", 1), after(1))
    figures = figures_of(state, SETTINGS, ("cross", ""), after(2))
    assert (
        _figure_lines(figures, after(2))[0] == "After the last read the exchange said 1.23 MARGIN_CALL at 20:00:01 UTC"
    )
    said = blind_text(Sight(state, SETTINGS, after(20)), Decimal(20))
    assert said.startswith("blind for 20s; last level 1.23; ")
    assert said.endswith("; the exchange said 1.23 MARGIN_CALL at 20:00:01 UTC")
    unread = apply(started(), notice("1.23", 1), after(1))
    assert blind_text(Sight(unread, SETTINGS, after(20)), Decimal(20)) == (
        "blind for 20s; no level is known; the exchange said 1.23 MARGIN_CALL at 20:00:01 UTC"
    )


def test_status_has_it() -> None:
    state = apply(seen(), notice("1.23", 1), after(1))
    document = account_document(state, SETTINGS, after(2), "0")["cross"]
    assert document["margin_level"] == "1.23"
    assert document["notice"] == {"level": "1.23", "status": "MARGIN_CALL", "at": "2025-10-10T20:00:01.000Z"}
    figures = figures_of(state, SETTINGS, ("cross", ""), after(2))
    assert [gap.kind for gap in gaps(state, SETTINGS, CROSS, figures, after(2))][:1] == ["notice"]
    assert account_document(seen(), SETTINGS, after(2), "0")["cross"]["notice"] is None


def test_what_prices_alone_did_is_told_beside_it() -> None:
    prices = [PricesRead(sample_prices(after(second))) for second in range(-310, 1, 5)]
    state = started()
    for event, second in zip(prices, range(-310, 1, 5), strict=True):
        state = apply(state, event, after(second))
    state = told(state, CrossRead(cross()), NO_PAIRS)
    state = apply(state, notice("1.23", 1), after(1))
    figures = figures_of(state, SETTINGS, ("cross", ""), after(1))
    assert figures.values["margin_level"] == Decimal("1.23")
    assert figures.values["margin_level_change_5m"] == 0
