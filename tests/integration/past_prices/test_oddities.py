"""Past prices that are not plain: what the daemon reads is kept as it is, and each oddity is said."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.margin.history_remarks import describe_history
from monitor.core.margin.past_prices import floor_hour
from monitor.core.model.events import ReadFailed
from monitor.core.model.price_history import HOUR, HourSpan, PriceBar
from monitor.runtime.past_prices import PastPriceReader
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.price_path import SimPriceBar
from monitor.store.readers.price_history import read_price_histories, read_symbol_bars
from monitor.store.writes import price_bars
from tests.integration.past_prices.fill import (
    SLOW_READS,
    SPEED,
    START,
    asked,
    history,
    holding,
    progress,
    wait_until_filled,
)
from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.recorded_rows import read_failures
from tests.support.sandbox import sandbox
from tests.support.sinks import Received, http_sink

D = Decimal
NOON = floor_hour(START)
DAYS = 20


def given(hours_ago: Iterable[int], price: str = "10", volume: str = "5") -> list[SimPriceBar]:
    """Flat bars at so many hours before the start."""
    flat = D(price)
    starts = (int((NOON - HOUR * ago).timestamp()) * 1000 for ago in hours_ago)
    return [SimPriceBar(start_ms, flat, flat, flat, flat, D(volume)) for start_ms in starts]


def before(hours: int) -> str:
    return f"{NOON - HOUR * hours:%Y-%m-%d %H:%M} UTC"


async def test_each_oddity_of_the_past_is_recognised_and_said(tmp_path: Path) -> None:
    whole = range(24 * DAYS + 5, 0, -1)
    pasts = {
        "SOL": given(range(100, 0, -1)),
        "AVAX": [*given(range(490, 50, -1)), *given(range(40, 30, -1), volume="0"), *given(range(30, 0, -1))],
        "NEAR": [*given(range(490, 100, -1), "0.01", "5000"), *given(range(100, 0, -1))],
        "ADA": given(range(490, 70, -1)),
        "DOT": [*given(range(490, 8, -1)), *given([8], "0"), *given(range(7, 0, -1))],
        "LINK": [*given(range(490, 100, -1), "0.01"), *given(range(100, 0, -1))],
        "XRP": given(whole),
    }
    async with sandbox(replace(holding(*pasts, "NIL"), only_pairs={"NIL": "NILBTC"}), speed=SPEED) as box:
        for asset, bars in pasts.items():
            box.sandbox.user_actions.load_bars(f"{asset}USDT", bars)
        box.sandbox.user_actions.set_status("ADAUSDT", "BREAK")
        config = write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history(f"{DAYS}d"))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            symbols = {f"{asset}USDT" for asset in pasts}
            await wait_until_filled(here, DAYS, symbols, dead=frozenset({"ADAUSDT"}))

            async def is_listing_known() -> bool:
                return (await progress(here.store))["SOLUSDT"].listed_at is not None

            await eventually(is_listing_known)
            since = NOON - timedelta(days=DAYS - 1)
            found = await here.store.read(read_price_histories, [*pasts, "NIL"], since, NOON)

            async def failures() -> list[ReadFailed]:
                return [each for each in await here.store.read(read_failures) if each.read == "past_prices"]

            async def is_failure_recorded() -> bool:
                return bool(await failures())

            await eventually(is_failure_recorded)
            (failure,) = await failures()
    assert {asset: describe_history(one) for asset, one in found.items() if asset != "NIL"} == {
        "SOL": (f"SOL is traded since {before(100)} only",),
        "AVAX": (
            f"AVAX has no bars in 10 h, from {before(50)} to {before(40)}",
            f"AVAX was not traded in 10 h, from {before(40)} to {before(30)}",
        ),
        "NEAR": (f"NEARUSDT has a new unit since {before(100)} (price × 1000): earlier bars are put into it",),
        "ADA": (f"ADA has no bars since {before(70)}: renamed, delisted or halted",),
        "DOT": (f"DOT has no bars in 1 h, from {before(8)} to {before(7)}",),
        "LINK": (f"LINK jumped before {before(100)}, which nothing explains: nothing before it counts",),
        "XRP": (),
    }
    assert {bar.close for bar in found["NEAR"].bars} == {D(10)}
    assert len(found["LINK"].bars) == 100
    assert found["NIL"].missing == "no pair leads from NIL to USDT"
    assert failure.rejected is not None
    assert failure.rejected.endswith("is left out: a price is not above zero")
    assert "DOTUSDT" in failure.rejected


async def test_asset_without_a_usdt_pair_goes_through_its_bridge(tmp_path: Path) -> None:
    scenario = replace(holding("FOO"), only_pairs={"FOO": "FOOBTC"}, prices={**holding().prices, "FOOBTC": D("0.001")})
    async with sandbox(scenario, speed=SPEED) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("2d"))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await wait_until_filled(here, 2, {"FOOBTC", "BTCUSDT"})
            now = here.clock.now()
            found = await here.store.read(read_price_histories, ["FOO", "BTC"], now - timedelta(days=2), now)
            foo = found["FOO"]
            pair = (await here.store.read(read_symbol_bars, "FOOBTC", foo.since, foo.until)).bars
    assert describe_history(foo) == ("FOO is valued by FOOBTC × BTCUSDT: its lows and highs are bounds",)
    assert [bar.low for bar in foo.bars] == [
        own.low * btc.low for own, btc in zip(pair, found["BTC"].bars, strict=True)
    ]


async def test_bars_of_hours_that_are_not_over_are_deleted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with http_sink() as phone:
        async with sandbox(holding(), speed=SPEED) as box:
            channels = {"phone": phone.url}
            config = write_config(tmp_path, box.ready, channels=channels, schedule=SLOW_READS, more=history("2d"))
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                early = HourSpan(NOON - HOUR * 5, NOON + HOUR * 3)
                wrong = [
                    PriceBar(early.since + HOUR * number, D(1), D(1), D(1), D(1), D(1)) for number in range(early.hours)
                ]
                await here.store.execute(price_bars.save_bars, "BTCUSDT", early, wrong)

                async def is_mended() -> bool:
                    known = (await progress(here.store)).get("BTCUSDT")
                    return known is not None and known.read_until == NOON and bool(asked(box.sandbox))

                await eventually(is_mended, 40)
                notice = await asyncio.to_thread(phone.wait_for, lambda got: any(_says(one) for one in got), 40)
                assert any(_says(one) for one in notice)
    assert "past_prices.forgotten count=3" in caplog.text


def _says(message: Received) -> bool:
    text = str(message.json()["text"])
    return "Past prices reached beyond 2026-03-01 12:00 UTC" in text and "3 bars are deleted" in text


async def test_nothing_is_read_before_the_time_of_the_exchange_is_known(tmp_path: Path) -> None:
    faults = (Fault("status", path="/api/v3/time", status=503, count=0),)
    async with sandbox(holding(), speed=2 * SPEED, faults=faults) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("2d"))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(lambda state: state.cross)
            since = here.clock.now()

            async def has_passed() -> bool:
                return here.clock.now() - since > timedelta(minutes=1)

            await eventually(has_passed)
            assert asked(box.sandbox) == []
            box.sandbox.clear_faults()
            await wait_until_filled(here, 2, {"BTCUSDT", "ETHUSDT"})


async def test_bar_that_was_stored_too_soon_is_replaced_and_said(tmp_path: Path) -> None:
    async with sandbox(holding(), speed=SPEED) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("2d"))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await wait_until_filled(here, 2, {"BTCUSDT", "ETHUSDT"})
            last = HourSpan(NOON - HOUR, NOON)
            await here.store.execute(
                price_bars.save_bars, "BTCUSDT", last, [PriceBar(last.since, D(7), D(7), D(7), D(7), D(1))]
            )
            box.sandbox.user_actions.advance(3600)
            await wait_until_filled(here, 2, {"BTCUSDT", "ETHUSDT"})
            (bar,) = (await here.store.read(read_symbol_bars, "BTCUSDT", *last)).bars
            assert bar.close == D(60_000)

            async def is_reported() -> bool:
                told = [failure.cause for failure in await here.store.read(read_failures)]
                return told == ["BTCUSDT: the bar of 2026-03-01 11:00 UTC has changed; the new one is kept"]

            await eventually(is_reported)


async def test_error_of_the_program_is_reported_to_people_and_stops_nothing_else(tmp_path: Path) -> None:
    told: list[str] = []

    async def notify(severity: str, text: str) -> None:
        told.append(f"{severity}: {text}")

    async with sandbox(holding(), speed=SPEED) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("0"))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            services = here.daemon._supervisor.services
            # Without the account's settings a look at what it holds must fail.
            reader = PastPriceReader(timedelta(days=2), {}, services, here.daemon._shared, notify)
            task = asyncio.create_task(reader.run())

            async def is_told() -> bool:
                return bool(told)

            await eventually(is_told, given_up=task.done)
            assert not task.done()
            assert asked(box.sandbox) == []
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert told == [
        "warning: Past prices are not read because of an error of this program (KeyError). The next try is in 1 min; "
        "until then odds are of older prices."
    ]
