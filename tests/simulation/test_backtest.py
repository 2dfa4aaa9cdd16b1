"""Backtest of the night of 2025-10-10 on its real price bars: the lead times that the ladder was designed for."""

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from monitor import resources
from monitor.config.rules.rule_files import parse_rules
from monitor.config.simulation.price_bars import read_price_bars
from monitor.core.engine.step import Policy
from monitor.core.model.account import CROSS, Balance, Thresholds
from monitor.core.state.account_settings import AccountSettings
from monitor.simulation.backtest import minutes_between, run_backtest
from monitor.simulation.portfolio import SimulatedPortfolio
from monitor.simulation.price_path import build_price_path, evaluation_times
from monitor.simulation.simulator import MarketFrame
from tests.support.paths import price_file

EVENING = datetime(2025, 10, 10, 20, 50, tzinfo=UTC)


def test_bitcoin_at_five_times_leverage_is_warned_as_the_ladder_promises() -> None:
    bars = [
        bar for bar in read_price_bars(price_file("binance_um_BTCUSDT_1m_2025-10-10.csv.gz")) if bar.opens_at >= EVENING
    ]
    path = build_price_path(bars)
    # All collateral in bitcoin, all debt in dollars, a level of 1.26 to begin with.
    owed = (10 * path.values[0] / Decimal("1.26")).quantize(Decimal("0.01"))
    account = SimulatedPortfolio(
        cross={"BTC": Balance("BTC", free=Decimal(10)), "USDT": Balance("USDT", borrowed=owed)},
        thresholds=Thresholds(Decimal("1.25"), Decimal("1.16"), Decimal("1.1")),
    )
    ladder = tomllib.loads(resources.packaged_path("config", "rules", "ladder.toml").read_text())["rules"]
    policy = Policy(AccountSettings("main"), parse_rules(ladder, "ladder.toml"))
    moments = [at for at in evaluation_times([path]) if at < EVENING + timedelta(minutes=45)]

    def frames() -> Iterator[MarketFrame]:
        return (MarketFrame(at, {"BTCUSDT": path.at(at)}) for at in moments)

    found = run_backtest(policy, account, frames, gap=timedelta(seconds=20))
    end = found.timeline.liquidated[CROSS]
    leads: dict[str, Decimal] = {}
    for alert in found.timeline.fired:
        assert alert.fired_at is not None
        leads.setdefault(alert.key.rule, minutes_between(alert.fired_at, end))
    for rule, minutes in (("below-initial", 28), ("near-call", 7), ("margin-call", 3)):
        assert leads[rule] == pytest.approx(Decimal(minutes), abs=Decimal(1)), rule
    # With no action there is nothing to compare with.
    assert found.timeline is found.without_actions
