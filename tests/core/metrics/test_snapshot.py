"""Which subjects exist, and the figures of assets, of the account and of the daemon's own sight."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.metrics.snapshot import ACCOUNT, MONITOR, Sight, figures_of
from monitor.core.model.account import CROSS, Balance, IsolatedSnapshot, KeyPermissions, Liquidation, Scope, Wallet
from monitor.core.model.blocks import Stop
from monitor.core.model.events import (
    CrossRead,
    HealthRead,
    IsolatedRead,
    KeyRead,
    LiquidationsRead,
    PricesRead,
    StreamAlive,
    StreamChanged,
    StreamName,
    WalletRead,
)
from monitor.core.model.metric import Missing, metrics_of
from monitor.core.model.metric_values import Figures
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    charge,
    charged,
    cross,
    isolated,
    long_pair,
    picked,
    prices,
    sample_prices,
    started,
    told,
    watched,
)

UNAVAILABLE = Missing.UNAVAILABLE
ALL_STREAMS: tuple[StreamName, ...] = ("account", "market", "risk")
KEY = KeyPermissions(
    reading=True, margin=True, trading=False, universal_transfer=True, withdrawals=False, ip_restricted=True
)


def asset_of(state: AccountState, asset: str, seconds: float = 0) -> Figures:
    return figures_of(state, SETTINGS, ("asset", asset), after(seconds))


def account_of(state: AccountState, seconds: float = 0) -> Figures:
    return figures_of(state, SETTINGS, ACCOUNT, after(seconds))


def sight_of(state: AccountState, seconds: float = 0, settings: Settings = SETTINGS) -> Figures:
    return figures_of(state, settings, MONITOR, after(seconds))


def connected(state: AccountState, at_s: float = 0) -> AccountState:
    return told(state, *(StreamChanged(name, True, (), after(at_s)) for name in ALL_STREAMS), at=after(at_s))


def complete(state: AccountState) -> AccountState:
    """With an isolated account that has no pairs."""
    return told(state, IsolatedRead(IsolatedSnapshot(NOW, NOW, {})))


class TestSubjects:
    def test_every_scope_and_every_asset_is_a_subject(self) -> None:
        state = told(watched(), IsolatedRead(isolated()))
        found = Sight(state, SETTINGS, NOW).subjects
        assert found == (
            ("cross", ""),
            ("isolated", "BTCUSDT"),
            ("asset", "BTC"),
            ("asset", "ETH"),
            ("asset", "USDT"),
            ACCOUNT,
            MONITOR,
        )

    def test_assets_of_pairs_that_are_not_watched_are_none(self) -> None:
        pair = replace(long_pair(), symbol="SOLUSDT", base=Balance("SOL", free=Decimal(1)))
        state = told(watched(), IsolatedRead(isolated(pair)))
        assert ("asset", "SOL") in Sight(state, SETTINGS, NOW).subjects
        assert ("asset", "SOL") not in Sight(state, Settings("main", isolated=("BTCUSDT",)), NOW).subjects

    def test_subject_is_gone_only_once_every_watched_scope_was_read(self) -> None:
        assert not Sight(watched(), SETTINGS, NOW).is_complete
        assert Sight(complete(watched()), SETTINGS, NOW).is_complete
        assert not Sight(complete(started()), SETTINGS, NOW).is_complete
        assert Sight(watched(), Settings("main", isolated=()), NOW).is_complete

    def test_snapshot_of_some_pairs_tells_nothing_of_the_others(self) -> None:
        state = told(watched(), IsolatedRead(IsolatedSnapshot(NOW, NOW, {}, complete=False)))
        assert not Sight(state, SETTINGS, NOW).is_complete

    def test_figures_are_measured_once(self) -> None:
        sight = Sight(watched(), SETTINGS, NOW)
        assert sight.of(("cross", "")) is sight.of(("cross", ""))

    @pytest.mark.parametrize("scope", ["cross", "isolated", "asset", "account", "monitor"])
    def test_every_metric_is_given_by_its_subjects(self, scope: str) -> None:
        subject = next(s for s in _everything_known() if s.kind == scope)
        for metric in metrics_of(subject.kind):
            assert subject.read(metric.name) is not Missing.NOT_APPLICABLE, metric.name


def _everything_known() -> list[Figures]:
    state = told(
        watched(),
        IsolatedRead(isolated()),
        CrossRead(cross(balances={"USDC": Balance("USDC", free=Decimal(1), borrowed=Decimal(1))})),
    )
    sight = Sight(state, SETTINGS, NOW)
    return [sight.of(s) for s in sight.subjects if s[0] != "asset" or s[1] == "USDC"]


class TestAsset:
    def test_amounts_are_those_of_cross_and_all_pairs_together(self) -> None:
        values = asset_of(told(watched(), IsolatedRead(isolated())), "USDT").values
        assert picked(values, "held", "owed") == (20_000, 70_000)
        assert asset_of(told(watched(), IsolatedRead(isolated())), "BTC").values["held"] == Decimal("2.5")

    def test_rate_is_the_highest_that_is_now_paid(self) -> None:
        pair, repaid = Scope("BTCUSDT"), Scope("SOLUSDT")
        state = told(
            complete(watched()),
            IsolatedRead(isolated(at=after(1))),
            charged(
                charge("USDT", NOW, "0.00024"),
                charge("USDT", NOW, "0.00048", pair),
                charge("USDT", NOW, "0.0048", repaid),
            ),
        )
        values = asset_of(state, "USDT").values
        assert values["hourly_rate"] == Decimal("0.00002")
        # 0.00002 · 24 · 365
        assert values["annual_rate"] == Decimal("0.1752")

    def test_rate_of_what_is_not_owed_is_that_of_cross(self) -> None:
        pair = Scope("BTCUSDT")
        state = told(
            complete(watched()),
            charged(charge("BTC", NOW, "0.00024"), charge("BTC", NOW, "0.00048", pair)),
        )
        assert asset_of(state, "BTC").values["hourly_rate"] == Decimal("0.00001")
        assert asset_of(state, "ETH").values["hourly_rate"] is UNAVAILABLE

    def test_rate_change_is_relative_to_the_rate_a_day_ago(self) -> None:
        old, between, new = (
            charge("USDT", after(-86_400 - 60), "0.0002", number=1),
            charge("USDT", after(-3_600), "0.0009", number=2),
            charge("USDT", after(-60), "0.0005", number=3),
        )
        state = told(complete(watched()), charged(old, between, new))
        assert asset_of(state, "USDT").values["rate_change_24h"] == Decimal("1.5")
        young = told(complete(watched()), charged(between, new))
        # A debt of an hour is compared with its first charge: 0.0005 / 0.0009 − 1.
        assert round(Decimal(str(asset_of(young, "USDT").values["rate_change_24h"])), 5) == Decimal("-0.44444")

    def test_interest_is_valued_in_what_it_was_charged_in(self) -> None:
        charges = (
            charge("USDT", after(-90_000), interest="7", number=1),
            charge("USDT", after(-60), interest="0.5", number=2),
            charge("USDT", after(-50), interest="0.001", number=3, paid_in="BNB"),
        )
        state = told(complete(watched()), charged(*charges), PricesRead(prices(BNBUSDT=1_000)))
        values = asset_of(state, "USDT").values
        assert values["interest_24h_usdt"] == Decimal("1.5")
        assert values["interest_30d_usdt"] == Decimal("8.5")
        unpriced = told(complete(watched()), charged(*charges))
        assert asset_of(unpriced, "USDT").values["interest_24h_usdt"] is UNAVAILABLE

    def test_only_stable_assets_have_a_peg(self) -> None:
        balances = {"USDC": Balance("USDC", free=Decimal(5)), "BTC": Balance("BTC", free=Decimal(1))}
        state = told(complete(started()), PricesRead(prices(USDCUSDT="0.97", BTCUSDT=60_000)))
        state = told(state, CrossRead(cross(balances=balances)))
        assert asset_of(state, "USDC").read("peg_deviation") == Decimal("-0.03")
        assert asset_of(state, "BTC").read("peg_deviation") is Missing.NOT_APPLICABLE
        assert asset_of(state, "USDT").read("peg_deviation") is Missing.NOT_APPLICABLE

    def test_peg_is_unknown_while_prices_are_stale(self) -> None:
        state = told(complete(watched()), PricesRead(prices(USDCUSDT="0.97")))
        assert asset_of(state, "USDC", 16).read("peg_deviation") is UNAVAILABLE

    def test_one_stale_scope_makes_the_sum_unknown(self) -> None:
        state = told(watched(), IsolatedRead(isolated(at=after(170))))
        assert asset_of(state, "USDT", 175).state == "ok"
        figures = asset_of(state, "USDT", 190)
        assert figures.state == "stale"
        assert figures.read("owed") is UNAVAILABLE
        assert figures.shown["owed"] == 70_000

    def test_sum_is_unknown_until_every_scope_was_read(self) -> None:
        assert asset_of(watched(), "USDT").read("owed") is UNAVAILABLE

    def test_wallets_are_unknown_until_read_and_then_empty_or_not(self) -> None:
        state = complete(watched())
        assert asset_of(state, "USDT").read("spot_free") is UNAVAILABLE
        state = told(state, WalletRead("spot", Wallet(NOW, {"USDT": Decimal(12)})))
        assert asset_of(state, "USDT").read("spot_free") == 12
        assert asset_of(state, "BTC").read("spot_free") == 0
        assert asset_of(state, "USDT").read("funding_free") is UNAVAILABLE

    def test_wallets_are_unknown_after_three_missed_reads(self) -> None:
        state = complete(told(watched(), WalletRead("spot", Wallet(NOW, {"USDT": Decimal(12)}))))
        assert asset_of(state, "USDT", 30 * 60).shown["spot_free"] == 12
        assert asset_of(state, "USDT", 30 * 60 + 1).shown["spot_free"] is UNAVAILABLE


class TestAccount:
    def test_nothing_is_known_of_a_key_before_it_was_read(self) -> None:
        values = account_of(started()).values
        assert values["key_accepted"] is values["key_can_withdraw"] is UNAVAILABLE
        assert values["liquidations_24h"] is UNAVAILABLE

    def test_key_tells_what_it_may_do(self) -> None:
        values = account_of(told(started(), KeyRead(True, KEY, NOW))).values
        assert picked(values, "key_accepted", "key_can_withdraw", "key_ip_restricted") == (1, 0, 1)
        assert values["time_to_key_expiry"] == INFINITE

    def test_expiry_of_a_key_counts_down_past_zero(self) -> None:
        state = told(started(), KeyRead(True, replace(KEY, expires_at=after(10)), NOW))
        assert account_of(state).values["time_to_key_expiry"] == 10
        assert account_of(state, 12).values["time_to_key_expiry"] == -2

    def test_refused_key_leaves_the_rest_unknown(self) -> None:
        values = account_of(told(started(), KeyRead(True, KEY, NOW), KeyRead(False, None, NOW))).values
        assert values["key_accepted"] == 0
        assert values["key_can_withdraw"] is values["time_to_key_expiry"] is UNAVAILABLE

    def test_liquidations_count_for_a_day(self) -> None:
        order = Liquidation("BTCUSDT", "SELL", Decimal(1), Decimal(50_000), 1, False, NOW)
        state = told(started(), LiquidationsRead((order, replace(order, order_id=2, at=after(-86_000)))))
        assert account_of(state).values["liquidations_24h"] == 2
        assert account_of(state, 500).values["liquidations_24h"] == 1
        assert account_of(told(started(), LiquidationsRead(()))).values["liquidations_24h"] == 0

    def test_liquidations_are_unknown_after_three_missed_reads(self) -> None:
        state = told(started(), LiquidationsRead(()))
        assert account_of(state, 15 * 60).values["liquidations_24h"] == 0
        assert account_of(state, 15 * 60 + 1).values["liquidations_24h"] is UNAVAILABLE
        assert account_of(told(state, LiquidationsRead(()), at=after(900)), 16 * 60).values["liquidations_24h"] == 0

    def test_blocked_actions_are_counted(self) -> None:
        stops = {
            (CROSS, "top-up"): Stop("paused", counts=True),
            (Scope("BTCUSDT"), "top-up"): Stop("max_per_day is used up", counts=True),
            (CROSS, "repay"): Stop("cooling down"),
        }
        assert account_of(started(blocked=stops)).values["actions_blocked"] == 2


class TestMonitor:
    def test_age_counts_from_the_start_while_nothing_came(self) -> None:
        values = sight_of(connected(started()), 70).values
        # What was never read is read as if in danger.
        assert picked(values, "data_age", "poll_interval") == (70, 2)

    def test_age_is_that_of_the_scope_whose_poll_is_most_overdue(self) -> None:
        state = connected(told(watched(), IsolatedRead(isolated(at=after(90)))))
        assert sight_of(state, 100).values["data_age"] == 100
        only_isolated = Settings("main", cross=False)
        assert sight_of(state, 100, only_isolated).values["data_age"] == 10

    def test_scope_polled_fast_is_sooner_overdue(self) -> None:
        # Cross at 1.4 is below its initial level of 1.5, so it is read every 2 s; the pairs are read every 60 s.
        state = connected(told(watched(level=Decimal("1.4")), IsolatedRead(isolated(at=after(-30)))))
        values = sight_of(state, 8).values
        assert picked(values, "data_age", "poll_interval") == (8, 2)

    def test_lost_stream_shortens_the_poll(self) -> None:
        state = told(connected(complete(watched())), StreamChanged("risk", False, (), after(1)))
        assert sight_of(state, 60).values["poll_interval"] == 30
        assert sight_of(state, 60).values["stream_connected"] == 0

    def test_all_streams_must_be_connected(self) -> None:
        assert sight_of(connected(started())).values["stream_connected"] == 1
        assert sight_of(started()).values["stream_connected"] == 0
        state = told(started(), StreamChanged("account", True, (), NOW), StreamChanged("market", True, (), NOW))
        assert sight_of(state).values["stream_connected"] == 0
        assert sight_of(state, settings=Settings("main", cross=False)).values["stream_connected"] == 1

    def test_silence_is_that_of_the_quietest_stream(self) -> None:
        state = told(connected(started()), StreamAlive("account", after(50)), StreamAlive("risk", after(20)))
        assert sight_of(state, 60).values["stream_silence"] == 60
        state = told(state, StreamAlive("market", after(55)))
        assert sight_of(state, 60).values["stream_silence"] == 40

    def test_price_age_is_that_of_the_newest_price(self) -> None:
        state = told(connected(watched()), StreamAlive("market", after(20)))
        assert sight_of(state, 20).values["price_age"] == 20
        state = told(state, PricesRead(prices(after(18), BTCUSDT=60_000)))
        assert sight_of(state, 20).values["price_age"] == 2

    def test_polled_prices_are_no_sign_of_a_live_stream(self) -> None:
        state = told(connected(watched()), StreamChanged("market", False, (), after(5)))
        state = told(state, PricesRead(prices(after(40), BTCUSDT=60_000)))
        assert sight_of(state, 41).values["price_age"] == 41

    def test_drift_is_the_largest_of_all_scopes(self) -> None:
        # Cross 1.82 where we say 1.83333: 0.733 %; the pair 1.24 where we say 1.25: 0.806 %.
        state = told(
            watched(level=Decimal("1.82")), IsolatedRead(isolated(replace(long_pair(), margin_level=Decimal("1.24"))))
        )
        assert round(Decimal(str(sight_of(state).values["live_drift"])), 5) == Decimal("0.00806")
        assert round(Decimal(str(sight_of(watched(level=Decimal("1.82"))).values["live_drift"])), 5) == Decimal(
            "0.00733"
        )

    def test_drift_is_unknown_when_nothing_compares(self) -> None:
        assert sight_of(told(started(), CrossRead(cross()))).values["live_drift"] is UNAVAILABLE

    def test_daemons_own_health_is_told(self) -> None:
        state = told(started(), HealthRead(2, True, Decimal("-0.25"), Decimal("0.1")))
        values = sight_of(state).values
        assert picked(values, "notifications_failing", "store_failing") == (2, 1)
        assert picked(values, "clock_offset", "weight_used") == (Decimal("-0.25"), Decimal("0.1"))
        assert sight_of(started()).values["clock_offset"] is UNAVAILABLE

    def test_snapshot_from_the_future_has_no_negative_age(self) -> None:
        state = told(complete(started()), PricesRead(sample_prices()), CrossRead(cross(after(2))))
        state = told(state, IsolatedRead(isolated(at=NOW + timedelta(seconds=2))))
        assert sight_of(state).values["data_age"] == 0
