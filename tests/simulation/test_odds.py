"""Odds in simulations: of past bars alone, so that no alert knows what is to come."""

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.config.rules.rule_files import parse_rules
from monitor.core.engine.step import Policy
from monitor.core.model.account import Balance, Thresholds
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


def bars() -> list[PriceBar]:
    """Forty still days, but for one hour in which the price is halved and comes back."""
    lows = {CRASH_HOUR: PRICE / 2}
    return [PriceBar(START + HOUR * n, PRICE, PRICE, lows.get(n, PRICE), PRICE) for n in range(24 * DAYS)]


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
