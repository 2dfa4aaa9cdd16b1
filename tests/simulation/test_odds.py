"""Odds in simulations: of past bars alone, so that no alert knows what is to come."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle

from monitor.config.rules.rule_files import parse_rules
from monitor.core.engine.step import Policy
from monitor.core.model.account import Balance, Thresholds
from monitor.core.model.alert import Alert
from monitor.core.model.price_history import HOUR, PriceBar
from monitor.core.state.account_settings import AccountSettings
from monitor.resources import packaged_path
from monitor.simulation.backtest import run_backtest
from monitor.simulation.odds import SimulatedOdds, hourly_bars, odds_bars
from monitor.simulation.portfolio import SimulatedPortfolio
from monitor.simulation.simulator import MarketFrame

START = datetime(2026, 1, 1, tzinfo=UTC)
CRASH_HOUR = 24 * 35 + 5
DAYS = 40
PRICE = Decimal(100)
EVERY_SIX_HOURS = HOUR * 6


def bars(days: int = DAYS, crash_hour: int = CRASH_HOUR, low: Decimal = PRICE / 2) -> list[PriceBar]:
    """Still days, forty by default, but for one hour in which the price falls, by half, and comes back."""
    lows = {crash_hour: low}
    return [PriceBar(START + HOUR * n, PRICE, PRICE, lows.get(n, PRICE), PRICE) for n in range(24 * days)]


def frames() -> Iterator[MarketFrame]:
    at = START + timedelta(days=31)
    while at < START + timedelta(days=DAYS):
        yield MarketFrame(at, {"BTCUSDT": PRICE})
        at += EVERY_SIX_HOURS


_FILE = packaged_path("config", "rules", "ladder.toml")
SHIPPED = parse_rules(tomllib.loads(_FILE.read_text())["rules"], _FILE.name)
PORTFOLIO = SimulatedPortfolio(
    cross={"BTC": Balance("BTC", free=Decimal(1)), "USDT": Balance("USDT", borrowed=Decimal(60))},
    thresholds=Thresholds(Decimal("1.5"), Decimal("1.3"), Decimal("1.1")),
)
POLICY = Policy(
    AccountSettings("main", isolated=(), price_history=timedelta(days=90)),
    # Between frames so far apart the data are old, and the time of a condition stands still.
    rules=tuple(replace(rule, for_s=Decimal(0)) for rule in SHIPPED if rule.name.startswith("odds-high")),
)


def test_odds_alert_fires_after_the_bad_hour_and_not_before() -> None:
    """With a look at later bars it would fire on the first day: 24 of 936 windows are 2.6 %.

    Nineteen hours after the bad one began, 19 of 840 windows that are over have it: 2.3 %; six hours before, 13 of 834.
    """
    found = run_backtest(
        POLICY, PORTFOLIO, frames, gap=EVERY_SIX_HOURS, odds=lambda: SimulatedOdds({"BTC": bars()}, timedelta(days=90))
    )
    (alert,) = found.timeline.fired
    assert alert.key.rule == "odds-high"
    assert alert.fired_at == START + HOUR * (CRASH_HOUR + 19)


QUARTER = timedelta(days=90)
HALF_A_DAY = HOUR * 12
NIGHT = 24 * 100
"""The first hour of the hundredth day."""


def odds_alerts(low: Decimal, days: Sequence[int], prices: Sequence[Decimal] = (PRICE,)) -> tuple[Alert, ...]:
    """Alerts of the odds ladder on these days, with a crash to `low` in one night, by a quarter of past prices.

    Each half a day is looked at; the prices of now take turns.
    """
    rules = tuple(replace(rule, for_s=Decimal(0)) for rule in SHIPPED if rule.ladder == "odds")

    def looks() -> Iterator[MarketFrame]:
        moments = (START + timedelta(days=day) + half for day in days for half in (timedelta(), HALF_A_DAY))
        for at, price in zip(moments, cycle(prices), strict=False):
            yield MarketFrame(at, {"BTCUSDT": price})

    past = {"BTC": bars(200, NIGHT, low)}
    return run_backtest(
        replace(POLICY, rules=rules), PORTFOLIO, looks, gap=HALF_A_DAY, odds=lambda: SimulatedOdds(past, QUARTER)
    ).timeline.fired


def test_one_night_of_a_quarter_fires_the_worst_day_alone() -> None:
    """It is in 24 of 2,136 windows, 1.1 %: `odds-high`, above 2 %, is silent until the next such night."""
    (alert,) = odds_alerts(PRICE / 2, [99, 100, 101, 130, 160, 189, 190, 191])
    assert (alert.key.rule, alert.severity) == ("worst-day", "warning")
    assert alert.fired_at == START + HOUR * NIGHT + HALF_A_DAY
    # It stays until the night is a quarter ago, though the account has not become any safer by that.
    assert alert.resolved_at is not None
    assert alert.resolved_at - alert.fired_at == QUARTER - HALF_A_DAY


def test_night_that_would_not_have_reached_liquidation_fires_nothing() -> None:
    """The level of 1.667 falls to 1.117; 1.1 is liquidation."""
    assert odds_alerts(Decimal(67), range(99, 103)) == ()


def test_price_that_swings_around_the_edge_is_one_alert() -> None:
    """A fall to 66.5 leaves 1.108 at 100, 1.097 at 99 and 1.114 at 100.5: from 1.133 on it is over."""
    swings = tuple(map(Decimal, ("100", "99", "100.5", "99", "99.5", "100.5")))
    (alert,) = odds_alerts(Decimal("66.5"), range(99, 111), swings)
    assert (alert.key.rule, alert.resolved_at) == ("worst-day", None)


def test_first_month_has_no_odds() -> None:
    odds = SimulatedOdds({"BTC": bars()[: 24 * 29]}, timedelta(days=90))
    found = run_backtest(POLICY, PORTFOLIO, frames, gap=EVERY_SIX_HOURS, odds=lambda: odds)
    assert found.timeline.fired == ()


def test_backtest_without_bars_has_no_odds() -> None:
    assert run_backtest(POLICY, PORTFOLIO, frames, gap=EVERY_SIX_HOURS).timeline.fired == ()


def test_minute_bars_are_put_together_by_the_hour() -> None:
    minutes = [
        PriceBar(START + timedelta(minutes=30 * n), Decimal(n), Decimal(n + 2), Decimal(n), Decimal(n + 1))
        for n in range(1, 5)
    ]
    assert hourly_bars(minutes) == (
        PriceBar(START, Decimal(1), Decimal(3), Decimal(1), Decimal(2)),
        PriceBar(START + HOUR, Decimal(2), Decimal(5), Decimal(2), Decimal(4)),
        PriceBar(START + HOUR * 2, Decimal(4), Decimal(6), Decimal(4), Decimal(5)),
    )


def test_bars_longer_than_an_hour_are_no_past() -> None:
    days = [replace_time(bars()[0], START + timedelta(days=n)) for n in range(3)]
    assert hourly_bars(days) == ()


def test_asset_with_a_fixed_price_stands_still_in_the_past() -> None:
    found = odds_bars({"BTCUSDT": bars()[:2], "ETHBTC": bars()[:2]}, {"USDCUSDT": Decimal(1)})
    assert found.keys() == {"BTC", "USDC"}
    assert [bar.close for bar in found["USDC"]] == [1, 1]


def replace_time(bar: PriceBar, at: datetime) -> PriceBar:
    return bar._replace(opens_at=at)
