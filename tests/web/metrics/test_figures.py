"""The metrics of rules and history in `/metrics`: labels, and the three kinds of missing values."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.account import Balance, IsolatedPair
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, ThresholdState
from monitor.web.metrics.figures import render_figures
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    isolated_snapshot,
    long_pair,
    new_account_state,
    sample_prices,
)
from tests.support.prometheus_tools.samples import read_samples
from tests.web.metrics.views import daemon_view

CROSS_LEVEL = 'margin_monitor_margin_level_ratio{account="main",scope="cross"}'
PAIR_LEVEL = 'margin_monitor_margin_level_ratio{account="main",scope="isolated",symbol="BTCUSDT"}'


def samples(
    *states: AccountState, failing: tuple[str, ...] = (), elsewhere: tuple[str, ...] = (), seconds: float = 0
) -> dict[str, float]:
    view = daemon_view(*states, at=after(seconds), failing=failing, elsewhere=elsewhere)
    return dict(read_samples(render_figures(view, lambda: None)))


def both_scopes() -> AccountState:
    """The sample account with its long pair, at 60,000 USDT for a BTC."""
    return apply_events(cross_account_state(), IsolatedRead(isolated_snapshot(long_pair())))


def without_debt(pair: IsolatedPair) -> IsolatedPair:
    quote = replace(pair.quote, borrowed=Decimal(0))
    return replace(pair, quote=quote, margin_level=INFINITE, liquidation_price=None)


def test_cross_and_pairs_have_the_scope_as_a_label() -> None:
    found = samples(both_scopes())
    assert round(found[CROSS_LEVEL], 5) == 1.83333
    assert found[PAIR_LEVEL] == 1.25
    assert found['margin_monitor_drop_to_liquidation_ratio{account="main",scope="cross"}'] > 0.77
    assert found['margin_monitor_liquidation_price{account="main",scope="isolated",symbol="BTCUSDT"}'] == 46_000


def test_assets_and_the_account_have_their_own_labels() -> None:
    found = samples(both_scopes())
    assert found['margin_monitor_held{account="main",asset="BTC"}'] == 2.5
    assert found['margin_monitor_owed{account="main",asset="ETH"}'] == 10
    assert found['margin_monitor_actions_blocked{account="main"}'] == 0
    assert found['margin_monitor_stream_connected{account="main"}'] == 0


def test_metrics_of_the_last_tick_serve_for_a_second() -> None:
    of_tick = MetricsSnapshot(both_scopes(), SETTINGS, NOW)
    later = apply_events(both_scopes(), CrossRead(cross_snapshot(NOW, Decimal("1.5"))))

    def level(seconds: float, settings: AccountSettings = SETTINGS) -> float:
        view = daemon_view(later, at=after(seconds), settings=settings)
        view = replace(view, accounts=(replace(view.accounts[0], last_metrics=of_tick),))
        return round(read_samples(render_figures(view, lambda: None))[CROSS_LEVEL], 5)

    assert (level(0), level(1)) == (1.83333, 1.83333)
    # Older, measured after the view's moment, or by the settings before a reload: measured anew.
    assert (level(1.1), level(-0.1), level(0, replace(SETTINGS))) == (1.5, 1.5, 1.5)


def test_status_is_a_number() -> None:
    assert samples(both_scopes())['margin_monitor_status{account="main",scope="isolated",symbol="BTCUSDT"}'] == 1


def test_infinite_value_is_infinite() -> None:
    debt_free = {"BTC": Balance("BTC", free=Decimal(1))}
    read = CrossRead(cross_snapshot(level=INFINITE, balances=debt_free, liabilities_btc=Decimal(0)))
    pair = without_debt(long_pair())
    state = apply_events(new_account_state(), PricesRead(sample_prices()), read, IsolatedRead(isolated_snapshot(pair)))
    found = samples(state)
    assert found[CROSS_LEVEL] == float("inf")
    assert found[PAIR_LEVEL] == float("inf")
    assert found['margin_monitor_distance_to_liquidation_ratio{account="main",scope="cross"}'] == float("inf")


def test_stale_scope_has_no_sample() -> None:
    stale_s = SETTINGS.stale_after.total_seconds() + 1
    found = samples(both_scopes(), seconds=stale_s)
    assert not [name for name in found if 'scope="' in name]
    assert found['margin_monitor_data_age_seconds{account="main"}'] == stale_s


def test_scope_that_was_never_read_has_no_sample() -> None:
    found = samples(new_account_state(thresholds=ThresholdState()))
    assert not [name for name in found if 'scope="' in name or "asset=" in name]
    assert 'margin_monitor_data_age_seconds{account="main"}' in found


def test_metric_that_does_not_apply_has_no_sample() -> None:
    found = samples(both_scopes())
    assert 'margin_monitor_peg_deviation_ratio{account="main",asset="BTC"}' not in found


def test_pair_that_is_gone_has_no_sample() -> None:
    other = replace(long_pair(), symbol="ETHUSDT", base=Balance("ETH", free=Decimal(1)))
    first = apply_events(new_account_state(), IsolatedRead(isolated_snapshot(long_pair(), other)))
    then = apply_events(first, IsolatedRead(isolated_snapshot(long_pair(), at=after(1))), at=after(1))
    assert [name for name in samples(first) if 'symbol="ETHUSDT"' in name]
    assert not [name for name in samples(then, seconds=1) if 'symbol="ETHUSDT"' in name]
    assert PAIR_LEVEL in samples(then, seconds=1)


def test_account_that_is_gone_has_no_sample() -> None:
    other = replace(both_scopes(), account="other")
    assert [name for name in samples(both_scopes(), other) if 'account="other"' in name]
    assert not [name for name in samples(both_scopes()) if 'account="other"' in name]


def test_failing_account_of_which_nothing_is_known_says_so() -> None:
    assert samples(failing=("main",)) == {'margin_monitor_account_failing{account="main"}': 1}


def test_account_that_another_daemon_holds_says_only_that() -> None:
    assert samples(elsewhere=("main",)) == {'margin_monitor_lease_held{account="main"}': 0}


def test_quotes_and_backslashes_in_labels_are_escaped() -> None:
    asset = 'A"\\'
    pair = replace(long_pair(), base=Balance(asset, free=Decimal(1)))
    text = render_figures(
        daemon_view(apply_events(cross_account_state(), IsolatedRead(isolated_snapshot(pair)))), lambda: None
    )
    assert r'margin_monitor_held{account="main",asset="A\"\\"} 1' in text
    assert read_samples(text)


def test_work_pauses_after_each_subject() -> None:
    pauses: list[None] = []
    view = daemon_view(both_scopes())
    render_figures(view, lambda: pauses.append(None))
    # Cross, the pair, three assets, the account and the monitor, and then each metric.
    assert len(pauses) > 7
