"""Past prices of what is held or owed: filled slowly, topped up, gone on with after a restart, kept as long as told."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from monitor.core.model.price_history import HOUR, PriceHistory
from monitor.sandbox.faults import Fault
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.store.readers.price_history import read_price_histories, read_progress
from tests.integration.past_prices.fill import (
    KLINES,
    SLOW_READS,
    SPEED,
    asked,
    history,
    holding,
    progress,
    wait_until_filled,
)
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, in_process_run, write_config
from tests.support.recorded_rows import read_failures
from tests.support.sandbox import RunningSandbox, sandbox

DAYS = 90
SYMBOLS = {"BTCUSDT", "ETHUSDT"}


async def histories(here: InProcessDaemon, *assets: str, days: int = DAYS) -> dict[str, PriceHistory]:
    now = here.clock.now()
    return await here.store.read(read_price_histories, assets, now - timedelta(days=days), now)


def spans(requests: Iterable[ReceivedRequest]) -> set[tuple[str, str]]:
    """The symbol and the first moment of each request."""
    return {(request.params["symbol"], request.params["startTime"]) for request in requests}


async def closes_at_the_exchange(box: RunningSandbox, symbol: str) -> dict[int, Decimal]:
    """The newest closes of a symbol by their time in ms, from the exchange itself."""
    url, params = f"{box.ready.rest_url}{KLINES}", {"symbol": symbol, "interval": "1h", "limit": "1000"}
    async with aiohttp.ClientSession() as session, session.get(url, params=params) as answer:
        return {row[0]: Decimal(row[4]) for row in await answer.json()}


async def test_everything_held_or_owed_is_filled_within_the_ration_and_topped_up(tmp_path: Path) -> None:
    async with sandbox(holding(), speed=SPEED) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("90d"))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await wait_until_filled(here, DAYS, SYMBOLS)
            requests = asked(box.sandbox)
            assert {request.params["symbol"] for request in requests} == SYMBOLS
            assert len(spans(requests)) == 6, "2160 hours of two symbols, at most 1000 in one answer"
            assert all(later.at - earlier.at >= 11_900 for earlier, later in pairwise(requests))
            found = await histories(here, "BTC", "ETH", "USDT")
            end = found["BTC"].until
            for one in found.values():
                assert (one.missing, one.holes, one.is_read, one.ended_at) == ("", (), True, None)
                assert len(one.bars) == 24 * DAYS - 1, "the first hour of the span is not whole"
                assert one.bars[-1].opens_at == end - HOUR
            truth = await closes_at_the_exchange(box, "ETHUSDT")
            stored = {int(bar.opens_at.timestamp()) * 1000: bar.close for bar in found["ETH"].bars[-900:]}
            assert stored.items() <= truth.items()

            count = len(asked(box.sandbox))
            box.sandbox.user_actions.set_price("BTCUSDT", Decimal(59_000))
            box.sandbox.user_actions.advance(3600)
            await wait_until_filled(here, DAYS, SYMBOLS)
            assert len(spans(asked(box.sandbox)[count:])) == 2
            (newest,) = (await histories(here, "BTC"))["BTC"].bars[-1:]
            assert (newest.opens_at, newest.low, newest.close) == (end, Decimal(59_000), Decimal(59_000))


@pytest.mark.slow
async def test_restart_goes_on_where_the_last_daemon_was(tmp_path: Path) -> None:
    async with sandbox(holding("SOL"), speed=SPEED) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("90d"))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:

            async def began() -> bool:
                return len(await progress(here.store)) == 3

            await eventually(began)
            before = await progress(here.store)
        count = len(asked(box.sandbox))
        assert count < 9
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await wait_until_filled(here, DAYS, {*SYMBOLS, "SOLUSDT"})
        again = asked(box.sandbox)[count:]
        # A busy machine may miss an answer, and ask once more.
        assert len(spans(again)) == 9 - count
        for request in again:
            known = before[request.params["symbol"]].read_from
            assert known is not None
            assert int(request.params["endTime"]) < int(known.timestamp()) * 1000


@pytest.mark.slow
async def test_failing_exchange_is_reported_and_asked_again_later(tmp_path: Path) -> None:
    faults = (Fault("status", path=KLINES, status=503, count=0),)
    async with sandbox(holding(), speed=SPEED, faults=faults) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("2d"))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:

            async def is_reported() -> bool:
                failures = await here.store.read(read_failures)
                return sum(failure.read == "past_prices" for failure in failures) >= 2

            await eventually(is_reported, 40)
            requests = asked(box.sandbox)
            pauses = [later.at - earlier.at for earlier, later in pairwise(requests)]
            assert all(pause >= 59_000 for pause in pauses), "each try is one request, and the next is a minute later"
            assert here.state().cross is not None
            assert (await histories(here, "BTC", days=2))["BTC"].missing == "BTCUSDT is not read yet"
            box.sandbox.clear_faults()
            await wait_until_filled(here, 2, SYMBOLS)

            async def is_counted() -> bool:
                return here.daemon.counters.reads["main", "past_prices", "ok"] == 2

            await eventually(is_counted)


@pytest.mark.slow
async def test_reload_without_past_prices_deletes_them_and_asks_no_more(tmp_path: Path) -> None:
    async with sandbox(holding(), speed=SPEED) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("2d"))
        async with in_process_run(config, clock_of(box.sandbox)) as turn:

            async def has(count: int) -> bool:
                store = turn._store
                return store is not None and len((await store.read(read_progress))[1]) == count

            await eventually(lambda: has(2), 40)
            count = len(asked(box.sandbox))
            write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("0"))
            turn.reload()
            await eventually(lambda: has(0), 40)
            box.sandbox.user_actions.advance(3600)
            write_config(tmp_path, box.ready, schedule=SLOW_READS, more=history("3d"))
            assert len(asked(box.sandbox)) == count
            turn.reload()
            await eventually(lambda: has(2), 40)
            hours = [
                (int(request.params["endTime"]) + 1 - int(request.params["startTime"])) // 3_600_000
                for request in asked(box.sandbox)[count:]
            ]
            assert set(hours) == {71}
