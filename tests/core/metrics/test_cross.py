"""Cross and isolated metrics against the worked examples, also when reads or prices fail."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.metrics.cross import measure_cross, measure_pair
from monitor.core.model.account import Balance, LeverageTier, PairStatus, Price, Scope
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead
from monitor.core.model.metric import MissingValue, metrics_of
from monitor.core.model.metric_values import MetricValues
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, ThresholdState
from tests.support.examples.accounts import (
    FIVE_TIMES_TIER,
    NOW,
    SAMPLE_LEVEL,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    interest_charge,
    interest_read,
    is_close_to,
    isolated_snapshot,
    long_pair,
    new_account_state,
    pair_account_state,
    prices,
    sample_balances,
    sample_prices,
    select_values,
    short_pair,
)

UNAVAILABLE = MissingValue.UNAVAILABLE


def cross_at(state: AccountState, seconds: float = 0) -> MetricValues:
    return measure_cross(state, SETTINGS, after(seconds))


def pair_at(state: AccountState, seconds: float = 0, symbol: str = "BTCUSDT") -> MetricValues:
    return measure_pair(state, SETTINGS, symbol, after(seconds))


def with_prices(state: AccountState, seconds: float, **values: str | int) -> AccountState:
    return apply_events(state, PricesRead(prices(after(seconds), **values)), at=after(seconds))


class TestCross:
    def test_sample_portfolio_has_the_published_figures(self) -> None:
        figures = cross_at(cross_account_state())
        values = figures.values
        assert (figures.state, figures.source) == ("ok", "live")
        assert is_close_to(values["margin_level"], "1.83333")
        assert select_values(values, "assets_usdt", "liabilities_usdt") == (110_000, 60_000)
        assert values["equity_usdt"] == 50_000
        assert is_close_to(values["drop_to_liquidation"], "0.77193")
        assert values["distance_to_liquidation"] == values["drop_to_liquidation"]
        assert values["rise_to_liquidation"] == INFINITE
        assert is_close_to(values["drop_to_margin_call"], "0.62745")
        assert select_values(values, "initial_level", "margin_call_level") == (Decimal("1.5"), Decimal("1.3"))
        assert values["liquidation_level"] == Decimal("1.1")

    def test_sample_holdings_have_the_published_liquidation_prices(self) -> None:
        rows = {row.balance.asset: row for row in cross_at(cross_account_state()).holdings}
        assert is_close_to(rows["BTC"].liquidation_price, "30666.67", 2)
        assert rows["BTC"].liquidation_side == "below"
        assert is_close_to(rows["ETH"].liquidation_price, "7000", 20)
        assert rows["ETH"].liquidation_side == "above"
        assert rows["USDT"].liquidation_price is None

    def test_every_metric_of_the_scope_is_measured(self) -> None:
        names = {metric.name for metric in metrics_of("cross")}
        assert set(cross_at(cross_account_state()).values) == names
        assert set(cross_at(new_account_state()).values) == names

    @pytest.mark.parametrize("level", ["1.83", "1.8333", "1.84999999", "1.81666667"])
    def test_level_equals_the_polled_one_exactly_while_no_price_moved(self, level: str) -> None:
        figures = cross_at(with_prices(cross_account_state(level=Decimal(level)), 5, BTCUSDT=60_000, ETHUSDT=3_000), 5)
        assert figures.source == "live"
        assert figures.values["margin_level"] == Decimal(level)

    def test_level_follows_the_change_of_our_own_valuation(self) -> None:
        # BTC −10 %: assets 101,000 instead of 110,000, so 1.82 becomes 1.82 · 101/110.
        figures = cross_at(with_prices(cross_account_state(level=Decimal("1.82")), 5, BTCUSDT=54_000), 5)
        assert is_close_to(figures.values["margin_level"], "1.67109")
        assert figures.values["polled_margin_level"] == Decimal("1.82")

    def test_thresholds_are_reached_where_the_exchange_reaches_them(self) -> None:
        # The exchange reports 1.82 where our level is 1.8333: it liquidates when ours is 1.1 · 1.83333/1.82 = 1.10806.
        # BTC alone then ends at (1.10806·60,000 − 20,000)/1.5.
        state = cross_account_state(level=Decimal("1.82"))
        btc = next(row for row in cross_at(state).holdings if row.balance.asset == "BTC")
        assert is_close_to(btc.liquidation_price, "30989.01", 2)
        ended = with_prices(state, 5, BTCUSDT=str(btc.liquidation_price))
        assert is_close_to(cross_at(ended, 5).values["margin_level"], "1.1", 20)

    def test_market_move_is_measured_from_the_exchanges_level(self) -> None:
        # Ours must fall to 1.1 · 1.83333/1.82 = 1.10806: k = (33,241.76 − 20,000) / (90,000 − 33,241.76) = 0.23330.
        values = cross_at(cross_account_state(level=Decimal("1.82"))).values
        assert is_close_to(values["drop_to_liquidation"], "0.76670")

    def test_own_figure_too_far_off_is_not_used(self) -> None:
        # 1.80 against 1.83333 is a drift of 1.85 %, more than the bound of 1 %.
        figures = cross_at(with_prices(cross_account_state(level=Decimal("1.8")), 5, BTCUSDT=54_000), 5)
        assert figures.source == "poll"
        assert figures.values["margin_level"] == Decimal("1.8")
        assert is_close_to(figures.drift, "0.01852")

    def test_stale_prices_leave_the_polled_level(self) -> None:
        state = with_prices(cross_account_state(), 5, BTCUSDT=66_000)
        assert cross_at(state, 20).source == "live"
        figures = cross_at(state, 21)
        assert figures.source == "poll"
        assert figures.values["margin_level"] == SAMPLE_LEVEL
        assert figures.values["margin_level_change_5m"] is UNAVAILABLE

    def test_last_price_fall_before_a_price_gap_counts_until_the_next_read(self) -> None:
        state = with_prices(cross_account_state(), 5, BTCUSDT=54_000)
        fallen = cross_at(state, 20).values["margin_level"]
        figures = cross_at(state, 60)
        assert figures.source == "poll"
        assert figures.values["margin_level"] == fallen
        assert isinstance(fallen, Decimal)
        assert fallen < SAMPLE_LEVEL
        again = cross_at(apply_events(state, CrossRead(cross_snapshot(after(30)))), 60)
        assert (again.source, again.values["margin_level"]) == ("poll", SAMPLE_LEVEL)

    def test_stale_prices_and_a_stale_read_leave_nothing_for_rules(self) -> None:
        figures = cross_at(with_prices(cross_account_state(), 5, BTCUSDT=66_000), 181)
        assert (figures.state, figures.source) == ("stale", "poll")
        assert set(figures.values.values()) == {UNAVAILABLE}
        assert figures.display["margin_level"] == SAMPLE_LEVEL
        assert figures.as_of == NOW

    def test_live_prices_do_not_freshen_a_stale_read(self) -> None:
        figures = cross_at(with_prices(cross_account_state(), 181, BTCUSDT=66_000), 181)
        assert figures.read("margin_level") is UNAVAILABLE
        assert figures.display["margin_level"] == SAMPLE_LEVEL

    def test_worse_of_stale_snapshot_and_later_prices_is_displayed(self) -> None:
        shown = cross_at(with_prices(cross_account_state(), 181, BTCUSDT=54_000), 181).display["margin_level"]
        assert isinstance(shown, Decimal)
        assert shown < SAMPLE_LEVEL

    def test_snapshot_without_known_prices_is_not_revalued_by_later_ones(self) -> None:
        state = with_prices(
            apply_events(new_account_state(), CrossRead(cross_snapshot())), 5, BTCUSDT=54_000, ETHUSDT=3_000
        )
        figures = cross_at(state, 5)
        assert figures.source == "poll"
        assert figures.values["margin_level"] == SAMPLE_LEVEL
        assert figures.drift is None

    def test_snapshot_read_while_prices_were_stale_is_not_revalued(self) -> None:
        state = apply_events(new_account_state(), PricesRead(sample_prices(after(-60))), CrossRead(cross_snapshot()))
        figures = cross_at(with_prices(state, 5, BTCUSDT=54_000), 5)
        assert figures.source == "poll"
        assert figures.drift is None

    def test_without_any_price_the_level_is_known_and_distances_are_not(self) -> None:
        values = cross_at(apply_events(new_account_state(), CrossRead(cross_snapshot()))).values
        assert values["margin_level"] == SAMPLE_LEVEL
        for name in ("drop_to_liquidation", "distance_to_liquidation", "liabilities_usdt", "equity_usdt"):
            assert values[name] is UNAVAILABLE

    def test_new_asset_priced_after_the_read_does_not_make_the_level_jump(self) -> None:
        # 1,000 USDT worth of ABC, whose price comes after the snapshot: level (110,000 + 1,000) / 60,000.
        balances = {**sample_balances(), "ABC": Balance("ABC", free=Decimal(10))}
        polled = Decimal(111_000) / Decimal(60_000)
        state = apply_events(
            new_account_state(), PricesRead(sample_prices()), CrossRead(cross_snapshot(level=polled, balances=balances))
        )
        figures = cross_at(with_prices(state, 5, ABCUSDT=100), 5)
        assert figures.source == "live"
        assert figures.values["margin_level"] == polled

    def test_unpriced_asset_counts_as_the_remainder_of_the_exchange_totals(self) -> None:
        # 30,000 USDT of ABC: assets 140,000 of 60,000, in BTC at 60,000: 2.33333 and 1. ABC falls with the market:
        # k = (33,000 − 20,000) / (120,000 − 33,000) = 0.14943.
        balances = {**sample_balances(), "ABC": Balance("ABC", free=Decimal(10))}
        level = Decimal(140_000) / Decimal(60_000)
        snapshot = cross_snapshot(level=level, balances=balances, assets_btc=level)
        figures = cross_at(apply_events(new_account_state(), PricesRead(sample_prices()), CrossRead(snapshot)))
        assert figures.source == "poll"
        assert figures.values["margin_level"] == level
        assert is_close_to(figures.values["assets_usdt"], "140000", 10)
        assert is_close_to(figures.values["drop_to_liquidation"], "0.85057")
        assert is_close_to(figures.drift, "0.21429")
        assert all(row.liquidation_price is None for row in figures.holdings)

    def test_debt_without_a_price_is_not_taken_for_no_debt(self) -> None:
        balances = {"BTC": Balance("BTC", free=Decimal(1)), "ABC": Balance("ABC", borrowed=Decimal(5))}
        snapshot = cross_snapshot(
            level=Decimal(2), balances=balances, assets_btc=Decimal(0), liabilities_btc=Decimal(0)
        )
        figures = cross_at(apply_events(new_account_state(), PricesRead(sample_prices()), CrossRead(snapshot)))
        assert figures.state == "ok"
        assert figures.values["margin_level"] == 2
        assert figures.values["distance_to_liquidation"] is UNAVAILABLE
        assert figures.values["time_to_liquidation_by_interest"] is UNAVAILABLE

    def test_infinite_when_nothing_is_owed(self) -> None:
        balances = {"BTC": Balance("BTC", free=Decimal(1))}
        figures = cross_at(
            apply_events(
                new_account_state(),
                PricesRead(sample_prices()),
                CrossRead(cross_snapshot(level=INFINITE, balances=balances)),
            )
        )
        assert figures.state == "no_debt"
        for name in ("margin_level", "drop_to_liquidation", "rise_to_liquidation", "time_to_liquidation_by_interest"):
            assert figures.values[name] == INFINITE
        assert figures.values["margin_level_change_5m"] == 0
        assert figures.values["equity_usdt"] == 60_000

    def test_no_distance_left_below_the_threshold(self) -> None:
        balances = {
            "BTC": Balance("BTC", free=Decimal(1)),
            "USDT": Balance("USDT", borrowed=Decimal(57_000)),
        }
        level = Decimal(60_000) / Decimal(57_000)
        values = cross_at(
            apply_events(
                new_account_state(),
                PricesRead(sample_prices()),
                CrossRead(cross_snapshot(level=level, balances=balances)),
            )
        ).values
        assert values["drop_to_liquidation"] == values["rise_to_liquidation"] == 0
        assert values["distance_to_liquidation"] == 0

    def test_change_in_five_minutes_is_by_prices_alone(self) -> None:
        # BTC 60,000 → 57,000: assets 110,000 → 105,500 against 60,000. A transfer in between does not show.
        state = cross_account_state(after(-310))
        richer = {**sample_balances(), "USDT": Balance("USDT", free=Decimal(20_000), borrowed=Decimal(30_000))}
        state = apply_events(
            state,
            PricesRead(prices(NOW, BTCUSDT=57_000, ETHUSDT=3_000)),
            CrossRead(cross_snapshot(level=Decimal(105_500) / Decimal(60_000), balances=richer)),
        )
        assert is_close_to(cross_at(state).values["margin_level_change_5m"], "-0.075")

    def test_change_is_unknown_before_five_minutes_of_prices(self) -> None:
        assert (
            cross_at(with_prices(cross_account_state(), 200, BTCUSDT=57_000), 179).values["margin_level_change_5m"]
            is UNAVAILABLE
        )

    def test_change_is_unknown_while_an_asset_had_no_price_then(self) -> None:
        state = cross_account_state(after(-310))
        balances = {**sample_balances(), "ABC": Balance("ABC", free=Decimal(10))}
        level = Decimal(111_000) / Decimal(60_000)
        read = CrossRead(cross_snapshot(level=level, balances=balances))
        state = apply_events(state, PricesRead(prices(NOW, BTCUSDT=60_000, ABCUSDT=100)), read)
        figures = cross_at(state)
        assert figures.source == "live"
        assert figures.values["margin_level_change_5m"] is UNAVAILABLE

    def test_unknown_bars_leave_the_level_known(self) -> None:
        values = cross_at(replace(cross_account_state(), thresholds=ThresholdState())).values
        assert is_close_to(values["margin_level"], "1.83333")
        for name in ("liquidation_level", "drop_to_liquidation", "time_to_liquidation_by_interest"):
            assert values[name] is UNAVAILABLE

    def test_interest_alone_takes_66_667_charges(self) -> None:
        # 60,000 owed at 0.001 % an hour costs 0.6 an hour; at 1.1 it is 100,000: 66,667 full hours from 20:00.
        charges = tuple(interest_charge(asset, after(-60)) for asset in ("USDT", "ETH"))
        state = apply_events(cross_account_state(), interest_read(*charges))
        assert cross_at(state).values["time_to_liquidation_by_interest"] == 66_667 * 3_600

    def test_interest_owed_is_valued_at_present_prices(self) -> None:
        balances = {**sample_balances(), "ETH": Balance("ETH", borrowed=Decimal("9.99"), interest=Decimal("0.01"))}
        state = apply_events(
            new_account_state(), PricesRead(sample_prices()), CrossRead(cross_snapshot(balances=balances))
        )
        assert cross_at(state).values["interest_usdt"] == 30


class TestIsolated:
    def test_long_pair_has_the_published_figures(self) -> None:
        figures = pair_at(pair_account_state(long_pair()))
        values = figures.values
        assert (figures.state, figures.source) == ("ok", "live")
        assert values["margin_level"] == Decimal("1.25")
        assert values["distance_to_liquidation"] == Decimal("0.08")
        assert values["drop_to_liquidation"] == Decimal("0.08")
        assert values["rise_to_liquidation"] == INFINITE
        assert values["status"] == Decimal(int(PairStatus.NORMAL))
        assert values["liquidation_price"] == 46_000
        assert select_values(values, "assets_usdt", "liabilities_usdt") == (50_000, 40_000)
        assert select_values(values, "base_borrowed", "quote_borrowed") == (0, 40_000)
        assert figures.holdings[0].liquidation_side == "below"

    def test_short_pair_has_the_published_figures(self) -> None:
        figures = pair_at(pair_account_state(short_pair()))
        assert is_close_to(figures.values["liquidation_price"], "54347.83", 2)
        # 4,347.83 / 50,000, by which the price must rise.
        assert is_close_to(figures.values["distance_to_liquidation"], "0.08696")
        assert is_close_to(figures.values["rise_to_liquidation"], "0.08696")
        assert figures.values["drop_to_liquidation"] == INFINITE
        assert figures.holdings[0].liquidation_side == "above"

    def test_every_metric_of_the_scope_is_measured(self) -> None:
        names = {metric.name for metric in metrics_of("isolated")}
        assert set(pair_at(pair_account_state(long_pair())).values) == names

    def test_index_follows_spot_by_the_basis_seen_at_the_read(self) -> None:
        # Index 50,000 where spot was 50,100; spot −4 % moves the index to 48,000: level 48,000/40,000.
        state = with_prices(pair_account_state(long_pair(), spot=50_100), 5, BTCUSDT=48_096)
        values = pair_at(state, 5).values
        assert values["index_price"] == 48_000
        assert values["margin_level"] == Decimal("1.2")
        assert is_close_to(values["distance_to_liquidation"], "0.04167")

    def test_level_equals_the_polled_one_exactly_while_spot_stands_still(self) -> None:
        pair = replace(long_pair(), margin_level=Decimal("1.2499"))
        state = with_prices(pair_account_state(pair, spot=50_123), 5, BTCUSDT=50_123)
        assert pair_at(state, 5).values["margin_level"] == Decimal("1.2499")
        assert pair_at(state, 5).values["index_price"] == 50_000

    @pytest.mark.parametrize(("pair", "spot"), [(long_pair(), 45_000), (short_pair(), 56_000)])
    def test_beyond_the_liquidation_price_there_is_no_distance_left(self, pair: object, spot: int) -> None:
        assert isinstance(pair, type(long_pair()))
        values = pair_at(with_prices(pair_account_state(pair), 5, BTCUSDT=spot), 5).values
        assert values["distance_to_liquidation"] == 0

    def test_pair_read_beyond_its_liquidation_price_has_no_distance_left(self) -> None:
        pair = replace(long_pair(), index_price=Decimal(45_000), margin_level=Decimal("1.125"))
        figures = pair_at(replace(pair_account_state(pair, spot=45_000), thresholds=ThresholdState()))
        assert figures.values["distance_to_liquidation"] == 0
        assert figures.holdings[0].liquidation_side == "below"

    def test_reached_liquidation_level_counts_before_any_price(self) -> None:
        pair = replace(long_pair(), margin_level=Decimal("1.15"), index_price=Decimal(46_000), liquidation_price=None)
        assert pair_at(pair_account_state(pair, spot=46_000)).values["distance_to_liquidation"] == 0

    def test_stale_prices_leave_the_index_and_level_that_were_read(self) -> None:
        state = with_prices(pair_account_state(long_pair()), 5, BTCUSDT=52_000)
        figures = pair_at(state, 21)
        assert figures.source == "poll"
        assert select_values(figures.values, "index_price", "margin_level") == (50_000, Decimal("1.25"))

    def test_last_fall_before_the_price_gap_counts_until_the_next_read(self) -> None:
        state = with_prices(pair_account_state(long_pair()), 5, BTCUSDT=48_000)
        figures = pair_at(state, 60)
        assert figures.source == "poll"
        assert select_values(figures.values, "index_price", "margin_level") == (48_000, Decimal("1.2"))
        again = pair_at(apply_events(state, IsolatedRead(isolated_snapshot(long_pair(), at=after(30)))), 60)
        assert select_values(again.values, "index_price", "margin_level") == (50_000, Decimal("1.25"))

    def test_stale_read_leaves_nothing_for_rules(self) -> None:
        figures = pair_at(with_prices(pair_account_state(long_pair()), 181, BTCUSDT=52_000), 181)
        assert figures.state == "stale"
        assert set(figures.values.values()) == {UNAVAILABLE}
        assert figures.display["margin_level"] == Decimal("1.25")

    def test_pair_of_two_moving_assets_does_not_move_with_the_market(self) -> None:
        # 10 ETH at 0.05 BTC against 0.4 BTC: 0.5/0.4, liquidated at 0.046. BTC at 60,000 makes it 30,000 of 24,000.
        pair = replace(
            long_pair(),
            symbol="ETHBTC",
            base=Balance("ETH", free=Decimal(10)),
            quote=Balance("BTC", borrowed=Decimal("0.4")),
            index_price=Decimal("0.05"),
            liquidation_price=Decimal("0.046"),
        )
        state = apply_events(
            new_account_state(thresholds=ThresholdState(tiers={"ETHBTC": (FIVE_TIMES_TIER,)})),
            PricesRead(prices(ETHBTC="0.05", BTCUSDT=60_000)),
            IsolatedRead(isolated_snapshot(pair)),
        )
        values = pair_at(state, symbol="ETHBTC").values
        assert values["margin_level"] == Decimal("1.25")
        assert values["distance_to_liquidation"] == Decimal("0.08")
        assert values["drop_to_liquidation"] == values["rise_to_liquidation"] == INFINITE
        assert select_values(values, "assets_usdt", "liabilities_usdt") == (30_000, 24_000)
        without_btc = apply_events(
            new_account_state(thresholds=ThresholdState(tiers={"ETHBTC": (FIVE_TIMES_TIER,)})),
            PricesRead(prices(ETHBTC="0.05")),
            IsolatedRead(isolated_snapshot(pair)),
        )
        values = pair_at(without_btc, symbol="ETHBTC").values
        assert values["margin_level"] == Decimal("1.25")
        assert values["assets_usdt"] is UNAVAILABLE

    def test_change_in_five_minutes_follows_the_pairs_own_price(self) -> None:
        # Spot and index fell by 4 % to 50,000: from 52,083.33/40,000 to 1.25.
        state = apply_events(
            new_account_state(), PricesRead(prices(after(-310), BTCUSDT="52083.33333333")), at=after(-310)
        )
        state = apply_events(state, PricesRead(prices(BTCUSDT=50_000)), IsolatedRead(isolated_snapshot()))
        assert is_close_to(pair_at(state).values["margin_level_change_5m"], "-0.05208")

    def test_larger_debt_uses_the_thresholds_of_its_tier(self) -> None:
        tiers = (FIVE_TIMES_TIER, LeverageTier(2, Decimal("1.3125"), Decimal("1.15"), Decimal(20), Decimal(900_000)))
        small = replace(pair_account_state(long_pair()), thresholds=ThresholdState(tiers={"BTCUSDT": tiers}))
        assert pair_at(small).values["initial_level"] == Decimal("1.25")
        for base, quote in (("0", 500_001), ("9.1", 1), ("99", 1)):
            pair = replace(
                long_pair(),
                base=Balance("BTC", free=Decimal(1_000), borrowed=Decimal(base)),
                quote=Balance("USDT", borrowed=Decimal(quote)),
            )
            state = replace(pair_account_state(pair), thresholds=ThresholdState(tiers={"BTCUSDT": tiers[::-1]}))
            assert pair_at(state).values["initial_level"] == Decimal("1.3125")

    def test_liquidation_ratio_without_a_known_call_has_a_supposed_one(self) -> None:
        figures = measure_pair(pair_account_state(long_pair()), AccountSettings("main"), "BTCUSDT", NOW)
        values = figures.values
        assert values["margin_call_level"] == Decimal("1.20")
        assert is_close_to(values["drop_to_margin_call"], "0.04")
        assert figures.thresholds is not None
        assert "1.15" in figures.thresholds.note
        assert select_values(values, "initial_level", "liquidation_level") == (Decimal("1.25"), Decimal("1.15"))
        assert values["drop_to_liquidation"] == Decimal("0.08")

    def test_pair_without_debt_is_infinitely_safe(self) -> None:
        pair = replace(
            long_pair(), quote=Balance("USDT", free=Decimal(5)), margin_level=INFINITE, liquidation_price=None
        )
        figures = pair_at(pair_account_state(pair))
        assert figures.state == "no_debt"
        for name in ("margin_level", "liquidation_price", "distance_to_liquidation", "drop_to_liquidation"):
            assert figures.values[name] == INFINITE

    def test_interest_of_a_pair_takes_its_own_rate(self) -> None:
        # 40,000 at 0.001 % an hour is 0.4; down to 1.15 takes 50,000/1.15 − 40,000 = 3,478.26: 8,696 full hours.
        each = interest_charge("USDT", after(-60), scope=Scope("BTCUSDT"))
        state = apply_events(pair_account_state(long_pair()), interest_read(each))
        assert pair_at(state).values["time_to_liquidation_by_interest"] == 8_696 * 3_600

    def test_pair_that_was_never_created_has_no_figures(self) -> None:
        figures = pair_at(pair_account_state(replace(long_pair(), created=False)))
        assert figures.state == "not_created"
        assert figures.read("margin_level") is MissingValue.NOT_APPLICABLE

    def test_unknown_pair_status_is_unavailable(self) -> None:
        assert pair_at(pair_account_state(replace(long_pair(), status=None))).values["status"] is UNAVAILABLE

    def test_figure_of_a_pair_that_was_never_read_is_unavailable(self) -> None:
        figures = pair_at(new_account_state())
        assert figures.state == "unavailable"
        assert figures.read("margin_level") is UNAVAILABLE

    def test_price_of_the_snapshot_must_have_been_fresh(self) -> None:
        stale = apply_events(
            new_account_state(),
            PricesRead({"BTCUSDT": Price(Decimal(52_000), after(-60))}),
            IsolatedRead(isolated_snapshot()),
        )
        figures = pair_at(with_prices(stale, 5, BTCUSDT=48_000), 5)
        assert figures.source == "poll"
        assert figures.values["index_price"] == 50_000
