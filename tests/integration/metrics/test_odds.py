"""The real daemon measures odds by stored bars: a rule fires, a failure is notified."""

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.app.database import open_reader, open_store
from monitor.app.documents.status import read_accounts
from monitor.config.loading import load_config
from monitor.core.margin.past_prices import floor_hour
from monitor.core.metrics.cross import measure_cross
from monitor.core.model.account import CROSS
from monitor.core.model.metric import MetricValue
from monitor.core.model.odds import DAY, WindowOdds
from monitor.core.model.price_history import HOUR, HourSpan, PriceBar, PriceRoute
from monitor.core.state.account_state import AccountState
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.store.writes import price_bars
from monitor.view.terminal.status_notes import past_day_cells
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

DAYS = 40
BAD_HOUR = 24 * 20
SYMBOLS = ("BTCUSDT", "ETHUSDT")
RULE = """
[[rules]]
name = "odds-mine"
scope = "cross"
when = "liquidation_odds_1d > 2%"
clear = "liquidation_odds_1d < 1%"
"""
MORE = f'[risk]\nhistory = "{DAYS}d"\n{RULE}'


def past_bars(until: datetime) -> tuple[HourSpan, list[PriceBar]]:
    """Still prices, but for one hour in which they fall to a twentieth and come back."""
    since, price = until - timedelta(days=DAYS + 1), Decimal(100)
    hours = (until - since) // HOUR
    lows = {hours - BAD_HOUR: price / 20}
    return HourSpan(since, until), [
        PriceBar(since + HOUR * hour, price, price, lows.get(hour, price), price, Decimal(1)) for hour in range(hours)
    ]


async def fill_store(config: Path, now: datetime) -> None:
    """Save the past that a daemon would have read."""
    store = open_store(load_config(config, {}))
    span, found = past_bars(floor_hour(now))
    for symbol in SYMBOLS:
        await store.execute(price_bars.save_bars, symbol, span, found)
    routes = {symbol.removesuffix("USDT"): PriceRoute(symbol) for symbol in SYMBOLS}
    await store.execute(price_bars.save_routes, {**routes, "USDT": PriceRoute("")})
    await store.close()


def odds_metrics(here: InProcessDaemon) -> Mapping[str, MetricValue]:
    settings = here.daemon.settings("main")
    return measure_cross(here.state(), settings, here.clock.now()).values


async def is_line_recorded(config: Path) -> bool:
    """Return whether `status` says what the daemon has measured: the bad hour is one day of forty."""
    with open_reader(load_config(config, {})) as reads:
        cells = [cell.text for cell in past_day_cells(read_accounts(reads).values(), datetime.now(UTC))]
    return any(
        "main cross: of the last 40 days this account would not have survived 1; the worst: " in c for c in cells
    )


def is_measured(state: AccountState) -> bool:
    return state.odds is not None and isinstance(state.odds.answers.get(CROSS, (None,))[0], WindowOdds)


@pytest.mark.slow
async def test_daemon_measures_odds_and_a_rule_fires_on_them(tmp_path: Path) -> None:
    async with sandbox(calm_scenario()) as box:
        config = write_config(tmp_path, box.ready, more=MORE)
        await fill_store(config, clock_of(box.sandbox).now())
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(is_measured, within_s=60)
            read = here.state().odds
            assert read is not None
            day = read.answers[CROSS][0]
            assert isinstance(day, WindowOdds)
            assert (day.window, day.liquidated) == (DAY, 24)
            assert day.windows == 24 * DAYS - 24
            values = odds_metrics(here)
            assert values["liquidation_odds_1d"] == Decimal(24) / (24 * DAYS - 24)
            assert values["worst_level_1d"] == day.worst_level
            await here.wait_for_alerts(lambda rows: any(row.alert.key.rule == "odds-mine" for row in rows))
            await eventually(lambda: is_line_recorded(config))

            first = read.as_of
            box.sandbox.user_actions.borrow("main", "USDT", Decimal(50))
            box.sandbox.user_actions.advance(60)
            await here.wait_for_state(lambda state: state.odds is not None and state.odds.as_of > first, within_s=60)


@pytest.mark.slow
async def test_killed_child_makes_odds_unavailable_and_is_notified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    python = sys.executable
    with http_sink() as sink:
        async with sandbox(calm_scenario()) as box:
            config = write_config(tmp_path, box.ready, more=MORE, channels={"phone": sink.url})
            await fill_store(config, clock_of(box.sandbox).now())
            monkeypatch.setattr(sys, "executable", str(killed))
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.odds is not None and state.odds.failure, within_s=60)
                failed = here.state().odds
                assert failed is not None
                assert "killed by signal 9" in failed.failure
                assert not isinstance(odds_metrics(here)["liquidation_odds_1d"], Decimal)
                await asyncio.to_thread(wait_for_text, sink, "can't be measured: the process that measures")

                monkeypatch.setattr(sys, "executable", python)
                box.sandbox.user_actions.advance(70)
                await here.wait_for_state(is_measured, within_s=60)
                await asyncio.to_thread(wait_for_text, sink, "are measured again")


def wait_for_text(sink: HttpSink, part: str) -> None:
    sink.wait_for(lambda received: any(part in str(each.json().get("text", "")) for each in received), 60)
