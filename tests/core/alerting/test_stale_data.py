"""Alerts on stale data: their summary has the worst case, and they end only after a new read.

Worked examples. Cross: 1.5 BTC at 60,000 and 20,000 USDT against 10 ETH at 3,000 and 30,000 USDT is 110,000 over
60,000. After a fall of 5 % it is 105,500 over 58,500 = 1.8034, after a rise 114,500 over 61,500 = 1.8617. A short:
50,000 USDT against 0.8 BTC at 50,000 is 1.25; after a rise of 5 % 50,000 over 42,000 = 1.1904.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.alerting.stale_data import stale_summary
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.account import Balance, IsolatedSnapshot
from monitor.core.model.alert import AlertState, NotificationReason
from monitor.core.model.events import CrossRead, Event, IsolatedRead, PricesRead
from monitor.core.state.account_state import AccountState
from tests.core.alerting.test_evaluation import AccountUnderRules, notification_reasons, rules_of
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_snapshot,
    isolated_snapshot,
    new_account_state,
    prices,
    sample_prices,
    short_pair,
)

BLIND = {
    "name": "blind",
    "scope": "monitor",
    "when": "data_age > max(10s, 3 * poll_interval)",
    "clear": "data_age < max(5s, 1.5 * poll_interval)",
}
NO_PAIRS = IsolatedRead(IsolatedSnapshot(NOW, NOW, {}))


def account_after_reads(*events: Event) -> AccountState:
    return apply_events(new_account_state(), *events)


def summary_after(state: AccountState, seconds: float) -> str:
    return stale_summary(MetricsSnapshot(state, SETTINGS, after(seconds)), Decimal(str(seconds)))


def test_the_worst_case_of_a_cross_account_is_a_fall() -> None:
    state = account_after_reads(PricesRead(sample_prices()), CrossRead(cross_snapshot()), NO_PAIRS)
    assert summary_after(state, 90) == "blind for 1m 30s; last level 1.83; a 5 % fall would be 1.80"


def test_the_worst_case_of_a_short_is_a_rise_and_the_nearest_scope_is_named() -> None:
    state = account_after_reads(
        PricesRead(prices(BTCUSDT=50_000, ETHUSDT=3_000)),
        CrossRead(cross_snapshot()),
        IsolatedRead(isolated_snapshot(short_pair())),
    )
    summary = summary_after(state, 200)
    for words in ("BTCUSDT", "rise", "1.19"):
        assert words in summary


def test_scopes_still_read_are_not_reported_as_stale() -> None:
    state = account_after_reads(
        PricesRead(sample_prices()), IsolatedRead(isolated_snapshot(short_pair())), CrossRead(cross_snapshot())
    )
    fresh = apply_events(state, IsolatedRead(isolated_snapshot(short_pair(), at=after(80))), at=after(80))
    summary = summary_after(fresh, 90)
    assert summary.startswith("blind for 1m 30s")
    assert "1.83" in summary
    assert "BTCUSDT" not in summary


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((), "blind for 1m 30s; no level is known"),
        ((CrossRead(cross_snapshot()),), "blind for 1m 30s; last level 1.83"),
        (
            (CrossRead(cross_snapshot(level=Decimal("Infinity"), balances={"BTC": Balance("BTC", free=Decimal(1))})),),
            "blind for 1m 30s; nothing was owed",
        ),
    ],
)
def test_unknown_figures_are_left_out_of_the_text(events: tuple[Event, ...], said: str) -> None:
    assert summary_after(account_after_reads(*events), 90) == said


def test_stale_data_alert_fires_within_its_limit_with_the_worst_case() -> None:
    court = AccountUnderRules(rules_of(BLIND))
    court.read_at_level("1.8333", 0)
    # Without streams an account is polled every 30 s: the bound is 90 s.
    assert notification_reasons(court.evaluate(90)) == []
    found = court.evaluate(90.5)
    assert notification_reasons(found) == [(1, NotificationReason.FIRED)]
    assert found.changed[0].summary.startswith("blind for 1m 30s")
    assert "fall would be 1.80" in found.changed[0].summary
    over = court.read_at_level("1.8333", 100)
    assert (over.changed[0].state, over.changed[0].summary) == (AlertState.RESOLVED, "data age 0s")


def test_stale_data_alert_survives_a_restart_until_a_read() -> None:
    court = AccountUnderRules(rules_of(BLIND))
    court.read_at_level("1.8333", 0)
    court.evaluate(91)
    (alert,) = court.state.alerts.values()
    court.state = new_account_state(started_at=after(100), alerts={alert.key: replace(alert, unknown_since=after(100))})
    assert court.evaluate(101).open[alert.key].state is AlertState.FIRING
    court.state = apply_events(court.state, CrossRead(cross_snapshot(after(102))), at=after(102))
    # The pairs are still unread.
    assert court.evaluate(102).open[alert.key].state is AlertState.FIRING
    court.state = apply_events(court.state, IsolatedRead(IsolatedSnapshot(after(103), after(103), {})), at=after(103))
    assert notification_reasons(court.evaluate(103)) == [(1, NotificationReason.RESOLVED)]


def test_daemon_without_any_read_alerts_as_if_near_liquidation() -> None:
    court = AccountUnderRules(rules_of(BLIND))
    court.state = new_account_state()
    assert notification_reasons(court.evaluate(10)) == []
    found = court.evaluate(11)
    assert notification_reasons(found) == [(1, NotificationReason.FIRED)]
    assert found.changed[0].summary == "blind for 11s; no level is known"
