"""Subjects that exist, and metrics of assets, of the account and of the monitor."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.metrics.snapshot import ACCOUNT_SUBJECT, MONITOR_SUBJECT, MetricsSnapshot, measure_subject
from monitor.core.model.account import (
    CROSS,
    Balance,
    IsolatedSnapshot,
    KeyPermissions,
    LiquidationOrder,
    Scope,
    WalletBalances,
)
from monitor.core.model.action_blocks import ActionBlock
from monitor.core.model.events import (
    CrossRead,
    HealthRead,
    IsolatedRead,
    KeyRead,
    LiquidationsRead,
    PricesRead,
    StreamAlive,
    StreamChanged,
    WalletRead,
)
from monitor.core.model.metric import MissingValue, metrics_of
from monitor.core.model.metric_values import MetricValues
from monitor.core.model.stream_payloads import StreamName
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    interest_charge,
    interest_read,
    isolated_snapshot,
    long_pair,
    new_account_state,
    prices,
    sample_prices,
    select_values,
)

UNAVAILABLE = MissingValue.UNAVAILABLE
ALL_STREAMS: tuple[StreamName, ...] = ("account", "market", "risk")
KEY = KeyPermissions(
    reading=True, margin=True, trading=False, universal_transfer=True, withdrawals=False, ip_restricted=True
)


def asset_figures(state: AccountState, asset: str, seconds: float = 0) -> MetricValues:
    return measure_subject(state, SETTINGS, ("asset", asset), after(seconds))


def account_figures(state: AccountState, seconds: float = 0) -> MetricValues:
    return measure_subject(state, SETTINGS, ACCOUNT_SUBJECT, after(seconds))


def monitor_figures(state: AccountState, seconds: float = 0, settings: AccountSettings = SETTINGS) -> MetricValues:
    return measure_subject(state, settings, MONITOR_SUBJECT, after(seconds))


def with_streams_up(state: AccountState, at_s: float = 0) -> AccountState:
    return apply_events(state, *(StreamChanged(name, True, (), after(at_s)) for name in ALL_STREAMS), at=after(at_s))


def with_isolated_read(state: AccountState) -> AccountState:
    """Return the state with an isolated account that has no pairs."""
    return apply_events(state, IsolatedRead(IsolatedSnapshot(NOW, NOW, {})))


class TestSubjects:
    def test_every_scope_and_every_asset_is_a_subject(self) -> None:
        state = apply_events(cross_account_state(), IsolatedRead(isolated_snapshot()))
        found = MetricsSnapshot(state, SETTINGS, NOW).subjects
        assert found == (
            ("cross", ""),
            ("isolated", "BTCUSDT"),
            ("asset", "BTC"),
            ("asset", "ETH"),
            ("asset", "USDT"),
            ACCOUNT_SUBJECT,
            MONITOR_SUBJECT,
        )

    def test_assets_of_unwatched_pairs_are_no_subjects(self) -> None:
        pair = replace(long_pair(), symbol="SOLUSDT", base=Balance("SOL", free=Decimal(1)))
        state = apply_events(cross_account_state(), IsolatedRead(isolated_snapshot(pair)))
        assert ("asset", "SOL") in MetricsSnapshot(state, SETTINGS, NOW).subjects
        assert ("asset", "SOL") not in MetricsSnapshot(
            state, AccountSettings("main", isolated=("BTCUSDT",)), NOW
        ).subjects

    def test_subject_is_gone_only_once_every_watched_scope_was_read(self) -> None:
        assert not MetricsSnapshot(cross_account_state(), SETTINGS, NOW).is_complete
        assert MetricsSnapshot(with_isolated_read(cross_account_state()), SETTINGS, NOW).is_complete
        assert not MetricsSnapshot(with_isolated_read(new_account_state()), SETTINGS, NOW).is_complete
        assert MetricsSnapshot(cross_account_state(), AccountSettings("main", isolated=()), NOW).is_complete

    def test_partial_snapshot_says_nothing_of_other_pairs(self) -> None:
        state = apply_events(cross_account_state(), IsolatedRead(IsolatedSnapshot(NOW, NOW, {}, complete=False)))
        assert not MetricsSnapshot(state, SETTINGS, NOW).is_complete

    def test_metrics_are_computed_once(self) -> None:
        sight = MetricsSnapshot(cross_account_state(), SETTINGS, NOW)
        assert sight.get(("cross", "")) is sight.get(("cross", ""))

    @pytest.mark.parametrize("scope", ["cross", "isolated", "asset", "account", "monitor"])
    def test_every_metric_is_provided_by_its_subjects(self, scope: str) -> None:
        subject = next(s for s in _fully_known_state() if s.kind == scope)
        for metric in metrics_of(subject.kind):
            assert subject.read(metric.name) is not MissingValue.NOT_APPLICABLE, metric.name


def _fully_known_state() -> list[MetricValues]:
    state = apply_events(
        cross_account_state(),
        IsolatedRead(isolated_snapshot()),
        CrossRead(cross_snapshot(balances={"USDC": Balance("USDC", free=Decimal(1), borrowed=Decimal(1))})),
    )
    sight = MetricsSnapshot(state, replace(SETTINGS, price_history=timedelta(days=90)), NOW)
    return [sight.get(s) for s in sight.subjects if s[0] != "asset" or s[1] == "USDC"]


class TestAsset:
    def test_amounts_are_those_of_cross_and_all_pairs_together(self) -> None:
        values = asset_figures(apply_events(cross_account_state(), IsolatedRead(isolated_snapshot())), "USDT").values
        assert select_values(values, "held", "owed") == (20_000, 70_000)
        assert asset_figures(apply_events(cross_account_state(), IsolatedRead(isolated_snapshot())), "BTC").values[
            "held"
        ] == Decimal("2.5")

    def test_rate_is_the_highest_that_is_now_paid(self) -> None:
        pair, repaid = Scope("BTCUSDT"), Scope("SOLUSDT")
        state = apply_events(
            with_isolated_read(cross_account_state()),
            IsolatedRead(isolated_snapshot(at=after(1))),
            interest_read(
                interest_charge("USDT", NOW, "0.00024"),
                interest_charge("USDT", NOW, "0.00048", pair),
                interest_charge("USDT", NOW, "0.0048", repaid),
            ),
        )
        values = asset_figures(state, "USDT").values
        assert values["hourly_rate"] == Decimal("0.00002")
        # 0.00002 · 24 · 365
        assert values["annual_rate"] == Decimal("0.1752")

    def test_rate_of_an_asset_without_debt_is_the_cross_rate(self) -> None:
        pair = Scope("BTCUSDT")
        state = apply_events(
            with_isolated_read(cross_account_state()),
            interest_read(interest_charge("BTC", NOW, "0.00024"), interest_charge("BTC", NOW, "0.00048", pair)),
        )
        assert asset_figures(state, "BTC").values["hourly_rate"] == Decimal("0.00001")
        assert asset_figures(state, "ETH").values["hourly_rate"] is UNAVAILABLE

    def test_rate_change_is_relative_to_the_rate_a_day_ago(self) -> None:
        old, between, new = (
            interest_charge("USDT", after(-86_400 - 60), "0.0002", number=1),
            interest_charge("USDT", after(-3_600), "0.0009", number=2),
            interest_charge("USDT", after(-60), "0.0005", number=3),
        )
        state = apply_events(with_isolated_read(cross_account_state()), interest_read(old, between, new))
        assert asset_figures(state, "USDT").values["rate_change_24h"] == Decimal("1.5")
        young = apply_events(with_isolated_read(cross_account_state()), interest_read(between, new))
        # A debt of an hour is compared with its first charge: 0.0005 / 0.0009 − 1.
        assert round(Decimal(str(asset_figures(young, "USDT").values["rate_change_24h"])), 5) == Decimal("-0.44444")

    def test_interest_is_valued_in_the_asset_it_was_charged_in(self) -> None:
        charges = (
            interest_charge("USDT", after(-90_000), interest="7", number=1),
            interest_charge("USDT", after(-60), interest="0.5", number=2),
            interest_charge("USDT", after(-50), interest="0.001", number=3, paid_in="BNB"),
        )
        state = apply_events(
            with_isolated_read(cross_account_state()), interest_read(*charges), PricesRead(prices(BNBUSDT=1_000))
        )
        values = asset_figures(state, "USDT").values
        assert values["interest_24h_usdt"] == Decimal("1.5")
        assert values["interest_30d_usdt"] == Decimal("8.5")
        unpriced = apply_events(with_isolated_read(cross_account_state()), interest_read(*charges))
        assert asset_figures(unpriced, "USDT").values["interest_24h_usdt"] is UNAVAILABLE

    def test_only_stable_assets_have_a_peg(self) -> None:
        balances = {"USDC": Balance("USDC", free=Decimal(5)), "BTC": Balance("BTC", free=Decimal(1))}
        state = apply_events(
            with_isolated_read(new_account_state()), PricesRead(prices(USDCUSDT="0.97", BTCUSDT=60_000))
        )
        state = apply_events(state, CrossRead(cross_snapshot(balances=balances)))
        assert asset_figures(state, "USDC").read("peg_deviation") == Decimal("-0.03")
        assert asset_figures(state, "BTC").read("peg_deviation") is MissingValue.NOT_APPLICABLE
        assert asset_figures(state, "USDT").read("peg_deviation") is MissingValue.NOT_APPLICABLE

    def test_peg_is_unknown_while_prices_are_stale(self) -> None:
        state = apply_events(with_isolated_read(cross_account_state()), PricesRead(prices(USDCUSDT="0.97")))
        assert asset_figures(state, "USDC", 16).read("peg_deviation") is UNAVAILABLE

    def test_one_stale_scope_makes_the_sum_unknown(self) -> None:
        state = apply_events(cross_account_state(), IsolatedRead(isolated_snapshot(at=after(170))))
        assert asset_figures(state, "USDT", 175).state == "ok"
        figures = asset_figures(state, "USDT", 190)
        assert figures.state == "stale"
        assert figures.read("owed") is UNAVAILABLE
        assert figures.display["owed"] == 70_000

    def test_sum_is_unknown_until_every_scope_was_read(self) -> None:
        assert asset_figures(cross_account_state(), "USDT").read("owed") is UNAVAILABLE

    def test_wallets_are_unknown_until_read_and_then_empty_or_not(self) -> None:
        state = with_isolated_read(cross_account_state())
        assert asset_figures(state, "USDT").read("spot_free") is UNAVAILABLE
        state = apply_events(state, WalletRead("spot", WalletBalances(NOW, {"USDT": Decimal(12)})))
        assert asset_figures(state, "USDT").read("spot_free") == 12
        assert asset_figures(state, "BTC").read("spot_free") == 0
        assert asset_figures(state, "USDT").read("funding_free") is UNAVAILABLE

    def test_wallets_are_unknown_after_three_missed_reads(self) -> None:
        state = with_isolated_read(
            apply_events(cross_account_state(), WalletRead("spot", WalletBalances(NOW, {"USDT": Decimal(12)})))
        )
        assert asset_figures(state, "USDT", 30 * 60).display["spot_free"] == 12
        assert asset_figures(state, "USDT", 30 * 60 + 1).display["spot_free"] is UNAVAILABLE


class TestAccount:
    def test_nothing_is_known_of_a_key_before_it_was_read(self) -> None:
        values = account_figures(new_account_state()).values
        assert values["key_accepted"] is values["key_can_withdraw"] is UNAVAILABLE
        assert values["liquidations_24h"] is UNAVAILABLE

    def test_key_permissions_are_reported(self) -> None:
        values = account_figures(apply_events(new_account_state(), KeyRead(True, KEY, NOW))).values
        assert select_values(values, "key_accepted", "key_can_withdraw", "key_ip_restricted") == (1, 0, 1)
        assert values["time_to_key_expiry"] == INFINITE

    def test_expiry_of_a_key_counts_down_past_zero(self) -> None:
        state = apply_events(new_account_state(), KeyRead(True, replace(KEY, expires_at=after(10)), NOW))
        assert account_figures(state).values["time_to_key_expiry"] == 10
        assert account_figures(state, 12).values["time_to_key_expiry"] == -2

    def test_refused_key_leaves_the_rest_unknown(self) -> None:
        values = account_figures(
            apply_events(new_account_state(), KeyRead(True, KEY, NOW), KeyRead(False, None, NOW))
        ).values
        assert values["key_accepted"] == 0
        assert values["key_can_withdraw"] is values["time_to_key_expiry"] is UNAVAILABLE

    def test_liquidations_count_for_a_day(self) -> None:
        order = LiquidationOrder("BTCUSDT", "SELL", Decimal(1), Decimal(50_000), 1, False, NOW)
        state = apply_events(
            new_account_state(), LiquidationsRead((order, replace(order, order_id=2, at=after(-86_000))))
        )
        assert account_figures(state).values["liquidations_24h"] == 2
        assert account_figures(state, 500).values["liquidations_24h"] == 1
        assert account_figures(apply_events(new_account_state(), LiquidationsRead(()))).values["liquidations_24h"] == 0

    def test_liquidations_are_unknown_after_three_missed_reads(self) -> None:
        state = apply_events(new_account_state(), LiquidationsRead(()))
        assert account_figures(state, 15 * 60).values["liquidations_24h"] == 0
        assert account_figures(state, 15 * 60 + 1).values["liquidations_24h"] is UNAVAILABLE
        assert (
            account_figures(apply_events(state, LiquidationsRead(()), at=after(900)), 16 * 60).values[
                "liquidations_24h"
            ]
            == 0
        )

    def test_blocked_actions_are_counted(self) -> None:
        stops = {
            (CROSS, "top-up"): ActionBlock("paused", blocks_live_action=True),
            (Scope("BTCUSDT"), "top-up"): ActionBlock("max_per_day is used up", blocks_live_action=True),
            (CROSS, "repay"): ActionBlock("cooling down"),
        }
        assert account_figures(new_account_state(action_blocks=stops)).values["actions_blocked"] == 2


class TestMonitor:
    def test_age_counts_from_the_start_while_nothing_came(self) -> None:
        values = monitor_figures(with_streams_up(new_account_state()), 70).values
        # A scope that was never read is read as if it were near liquidation.
        assert select_values(values, "data_age", "poll_interval") == (70, 2)

    def test_age_is_that_of_the_scope_whose_poll_is_most_overdue(self) -> None:
        state = with_streams_up(apply_events(cross_account_state(), IsolatedRead(isolated_snapshot(at=after(90)))))
        assert monitor_figures(state, 100).values["data_age"] == 100
        only_isolated = AccountSettings("main", cross=False)
        assert monitor_figures(state, 100, only_isolated).values["data_age"] == 10

    def test_scope_polled_fast_is_sooner_overdue(self) -> None:
        # Cross at 1.4 is below its initial level of 1.5, so it is read every 2 s; the pairs are read every 60 s.
        state = with_streams_up(
            apply_events(cross_account_state(level=Decimal("1.4")), IsolatedRead(isolated_snapshot(at=after(-30))))
        )
        values = monitor_figures(state, 8).values
        assert select_values(values, "data_age", "poll_interval") == (8, 2)

    def test_lost_stream_shortens_the_poll(self) -> None:
        state = apply_events(
            with_streams_up(with_isolated_read(cross_account_state())), StreamChanged("risk", False, (), after(1))
        )
        assert monitor_figures(state, 60).values["poll_interval"] == 30
        assert monitor_figures(state, 60).values["stream_connected"] == 0

    def test_all_streams_must_be_connected(self) -> None:
        assert monitor_figures(with_streams_up(new_account_state())).values["stream_connected"] == 1
        assert monitor_figures(new_account_state()).values["stream_connected"] == 0
        state = apply_events(
            new_account_state(), StreamChanged("account", True, (), NOW), StreamChanged("market", True, (), NOW)
        )
        assert monitor_figures(state).values["stream_connected"] == 0
        assert monitor_figures(state, settings=AccountSettings("main", cross=False)).values["stream_connected"] == 1

    def test_silence_is_that_of_the_quietest_stream(self) -> None:
        state = apply_events(
            with_streams_up(new_account_state()), StreamAlive("account", after(50)), StreamAlive("risk", after(20))
        )
        assert monitor_figures(state, 60).values["stream_silence"] == 60
        state = apply_events(state, StreamAlive("market", after(55)))
        assert monitor_figures(state, 60).values["stream_silence"] == 40

    def test_price_age_is_that_of_the_newest_price(self) -> None:
        state = apply_events(with_streams_up(cross_account_state()), StreamAlive("market", after(20)))
        assert monitor_figures(state, 20).values["price_age"] == 20
        state = apply_events(state, PricesRead(prices(after(18), BTCUSDT=60_000)))
        assert monitor_figures(state, 20).values["price_age"] == 2

    def test_polled_prices_are_no_sign_of_a_live_stream(self) -> None:
        state = apply_events(with_streams_up(cross_account_state()), StreamChanged("market", False, (), after(5)))
        state = apply_events(state, PricesRead(prices(after(40), BTCUSDT=60_000)))
        assert monitor_figures(state, 41).values["price_age"] == 41

    def test_drift_is_the_largest_of_all_scopes(self) -> None:
        # Cross is 1.82, ours 1.83333: 0.733 %; the pair is 1.24, ours 1.25: 0.806 %.
        state = apply_events(
            cross_account_state(level=Decimal("1.82")),
            IsolatedRead(isolated_snapshot(replace(long_pair(), margin_level=Decimal("1.24")))),
        )
        assert round(Decimal(str(monitor_figures(state).values["live_drift"])), 5) == Decimal("0.00806")
        assert round(
            Decimal(str(monitor_figures(cross_account_state(level=Decimal("1.82"))).values["live_drift"])), 5
        ) == Decimal("0.00733")

    def test_drift_is_unknown_when_nothing_compares(self) -> None:
        assert (
            monitor_figures(apply_events(new_account_state(), CrossRead(cross_snapshot()))).values["live_drift"]
            is UNAVAILABLE
        )

    def test_health_of_the_daemon_is_reported(self) -> None:
        state = apply_events(new_account_state(), HealthRead(2, True, Decimal("-0.25"), Decimal("0.1")))
        values = monitor_figures(state).values
        assert select_values(values, "notifications_failing", "store_failing") == (2, 1)
        assert select_values(values, "clock_offset", "weight_used") == (Decimal("-0.25"), Decimal("0.1"))
        assert monitor_figures(new_account_state()).values["clock_offset"] is UNAVAILABLE

    def test_snapshot_from_the_future_has_no_negative_age(self) -> None:
        state = apply_events(
            with_isolated_read(new_account_state()), PricesRead(sample_prices()), CrossRead(cross_snapshot(after(2)))
        )
        state = apply_events(state, IsolatedRead(isolated_snapshot(at=NOW + timedelta(seconds=2))))
        assert monitor_figures(state).values["data_age"] == 0
