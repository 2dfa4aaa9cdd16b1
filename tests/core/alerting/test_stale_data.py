"""Blindness is told with the worst case, and is not over before something was seen.

Worked out by hand. Cross: 1.5 BTC at 60,000 and 20,000 USDT against 10 ETH at 3,000 and 30,000 USDT is 110,000 over
60,000. After a fall of 5 % it is 105,500 over 58,500 = 1.8034, after a rise 114,500 over 61,500 = 1.8617. A short:
50,000 USDT against 0.8 BTC at 50,000 is 1.25; after a rise of 5 % 50,000 over 42,000 = 1.1904.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.alerting.stale_data import blind_text
from monitor.core.metrics.snapshot import Sight
from monitor.core.model.account import Balance, IsolatedSnapshot
from monitor.core.model.alert import AlertState, Reason
from monitor.core.model.events import CrossRead, Event, IsolatedRead, PricesRead
from monitor.core.state.account_state import AccountState
from tests.core.alerting.test_evaluation import Court, reasons, rules_of
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    cross,
    isolated,
    prices,
    sample_prices,
    short_pair,
    started,
    told,
)

BLIND = {
    "name": "blind",
    "scope": "monitor",
    "when": "data_age > max(10s, 3 * poll_interval)",
    "clear": "data_age < max(5s, 1.5 * poll_interval)",
}
NO_PAIRS = IsolatedRead(IsolatedSnapshot(NOW, NOW, {}))


def seen(*events: Event) -> AccountState:
    return told(started(), *events)


def text(state: AccountState, seconds: float) -> str:
    return blind_text(Sight(state, SETTINGS, after(seconds)), Decimal(str(seconds)))


def test_the_worst_case_of_a_cross_account_is_a_fall() -> None:
    state = seen(PricesRead(sample_prices()), CrossRead(cross()), NO_PAIRS)
    assert text(state, 90) == "blind for 1m 30s; last level 1.83; a 5 % fall would be 1.80"


def test_the_worst_case_of_a_short_is_a_rise_and_the_nearest_scope_is_named() -> None:
    state = seen(
        PricesRead(prices(BTCUSDT=50_000, ETHUSDT=3_000)), CrossRead(cross()), IsolatedRead(isolated(short_pair()))
    )
    assert text(state, 200) == "blind for 3m 20s; last level of BTCUSDT 1.25; a 5 % rise would be 1.19"


def test_scopes_that_are_still_read_are_not_what_is_blind() -> None:
    state = seen(PricesRead(sample_prices()), IsolatedRead(isolated(short_pair())), CrossRead(cross()))
    fresh = told(state, IsolatedRead(isolated(short_pair(), at=after(80))), at=after(80))
    assert text(fresh, 90) == "blind for 1m 30s; last level 1.83; a 5 % fall would be 1.80"


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((), "blind for 1m 30s; no level is known"),
        ((CrossRead(cross()),), "blind for 1m 30s; last level 1.83"),
        (
            (CrossRead(cross(level=Decimal("Infinity"), balances={"BTC": Balance("BTC", free=Decimal(1))})),),
            "blind for 1m 30s; nothing was owed",
        ),
    ],
)
def test_what_is_not_known_is_not_said(events: tuple[Event, ...], said: str) -> None:
    assert text(seen(*events), 90) == said


def test_blindness_alerts_within_its_bound_and_says_the_worst_case() -> None:
    court = Court(rules_of(BLIND))
    court.level("1.8333", 0)
    # Without streams an account is polled every 30 s: the bound is 90 s.
    assert reasons(court.look(90)) == []
    found = court.look(90.5)
    assert reasons(found) == [(1, Reason.FIRED)]
    assert found.changed[0].summary == "blind for 1m 30s; last level 1.83; a 5 % fall would be 1.80"
    over = court.level("1.8333", 100)
    assert (over.changed[0].state, over.changed[0].summary) == (AlertState.RESOLVED, "data age 0s")


def test_blindness_goes_on_after_a_restart_until_something_is_read() -> None:
    court = Court(rules_of(BLIND))
    court.level("1.8333", 0)
    court.look(91)
    (alert,) = court.state.alerts.values()
    court.state = started(started_at=after(100), alerts={alert.key: replace(alert, unknown_since=after(100))})
    assert court.look(101).open[alert.key].state is AlertState.FIRING
    court.state = told(court.state, CrossRead(cross(after(102))), at=after(102))
    # The pairs are still unseen.
    assert court.look(102).open[alert.key].state is AlertState.FIRING
    court.state = told(court.state, IsolatedRead(IsolatedSnapshot(after(103), after(103), {})), at=after(103))
    assert reasons(court.look(103)) == [(1, Reason.RESOLVED)]


def test_a_daemon_that_never_sees_anything_says_so_as_soon_as_near_liquidation() -> None:
    court = Court(rules_of(BLIND))
    court.state = started()
    assert reasons(court.look(10)) == []
    found = court.look(11)
    assert reasons(found) == [(1, Reason.FIRED)]
    assert found.changed[0].summary == "blind for 11s; no level is known"
