"""Streams and polls together: stream events count at once, and what a stream may have missed is read."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.metrics.snapshot import MONITOR_SUBJECT, measure_subject
from monitor.core.model.stream_payloads import StreamName
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.sandbox.faults import Fault
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import PairSpec
from monitor.sandbox.server import Sandbox
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox

RARELY = {"cross": "10m", "isolated": "10m", "near_liquidation": "10m", "stale_after": "30m"}
"""Poll intervals so long that no read repeats by itself during a test: every read was requested."""

STREAMS: tuple[StreamName, ...] = ("account", "market", "risk")


def account_reads(box: Sandbox) -> list[ReceivedRequest]:
    return [request for request in box.requests if request.path == "/sapi/v1/margin/account"]


async def settled(here: InProcessDaemon, box: Sandbox) -> None:
    """Return once everything is connected and the reads of the start are over."""

    def is_up(state: AccountState) -> bool:
        return [state.streams[name].connected for name in STREAMS if name in state.streams] == [True] * 3

    await here.wait_for_state(is_up)
    count, since = len(box.requests), here.clock.now()

    async def is_quiet() -> bool:
        nonlocal count, since
        if len(box.requests) != count:
            count, since = len(box.requests), here.clock.now()
        return here.clock.now() - since > timedelta(seconds=1)

    await eventually(is_quiet)


async def test_a_market_stream_that_opens_and_brings_no_price_is_not_connected(tmp_path: Path) -> None:
    async with sandbox(faults=[Fault("silent", stream="market")]) as box:
        config = write_config(tmp_path, box.ready, schedule=RARELY)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(
                lambda state: {name for name, one in state.streams.items() if one.connected} == {"account", "risk"}
            )

            async def is_open() -> bool:
                return any(connection.stream == "market" for connection in box.sandbox.connections)

            await eventually(is_open)
            shown = measure_subject(here.state(), AccountSettings("main"), MONITOR_SUBJECT, here.clock.now()).display
            assert shown["stream_connected"] == 0
            started = here.state().started_at
            await here.wait_for_state(lambda _: here.clock.now() - started > timedelta(seconds=3))
            shown = measure_subject(here.state(), AccountSettings("main"), MONITOR_SUBJECT, here.clock.now()).display
            assert shown["stream_connected"] == 0
            silence = shown["stream_silence"]
            assert isinstance(silence, Decimal)
            assert silence >= 3
            box.sandbox.clear_faults()
            await here.wait_for_state(lambda state: "market" in state.streams and state.streams["market"].connected)


@pytest.mark.slow
async def test_every_lost_stream_is_reported_and_followed_by_a_snapshot(tmp_path: Path) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready, schedule=RARELY)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await settled(here, box.sandbox)
            for stream in STREAMS:
                await drop_stream(stream, here, box.sandbox)


async def drop_stream(stream: StreamName, here: InProcessDaemon, box: Sandbox) -> None:
    """Cut one stream; return once it is back and the account was read again."""
    before, reads = here.state().streams[stream].connects, len(account_reads(box))

    def is_back(state: AccountState) -> bool:
        known = state.streams[stream]
        return known.connected and known.connects == before + 1

    box.add_fault(Fault("drop", stream=stream))
    await here.wait_for_state(is_back)
    await eventually(lambda: read_since(box, reads), 5)
    await settled(here, box)


async def read_since(box: Sandbox, count: int) -> bool:
    return len(account_reads(box)) > count


async def test_changes_during_an_outage_are_read_at_once_after_it(tmp_path: Path) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready, schedule=RARELY)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await settled(here, box.sandbox)
            for stream in STREAMS:
                box.sandbox.add_fault(Fault("refuse", stream=stream))
                box.sandbox.add_fault(Fault("drop", stream=stream))
            await here.wait_for_state(lambda state: not any(stream.connected for stream in state.streams.values()))
            await settled_reads(box.sandbox)
            box.sandbox.user_actions.borrow("main", "USDT", Decimal(77))
            # No event reported it, and none ever will.
            known = here.state().cross
            assert known is not None
            assert known.balances["USDT"].borrowed == 30_000
            box.sandbox.clear_faults()
            await here.wait_for_state(lambda state: state.cross and state.cross.balances["USDT"].borrowed == 30_077)


async def settled_reads(box: Sandbox) -> None:
    """Return once the reads that the loss of the streams requested are answered."""

    async def answered() -> bool:
        return all(request.status for request in account_reads(box))

    await eventually(answered)


async def test_an_event_leads_to_a_read_of_its_scope(tmp_path: Path) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready, schedule=RARELY)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await settled(here, box.sandbox)
            box.sandbox.user_actions.deposit("main", "USDT", Decimal(5), "cross")
            await here.wait_for_state(lambda state: state.cross and state.cross.balances["USDT"].free == 20_005, 5)
            box.sandbox.user_actions.deposit("main", "BTC", Decimal(2), "BTCUSDT")
            await here.wait_for_state(
                lambda state: state.isolated and state.isolated.pairs["BTCUSDT"].base.free == Decimal("2.5"), 5
            )


@pytest.mark.slow
async def test_loan_is_known_from_the_stream_before_any_read(tmp_path: Path) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready, schedule=RARELY)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await settled(here, box.sandbox)
            box.sandbox.add_fault(Fault("status", path="/sapi/v1/margin/account", status=503, count=0))
            box.sandbox.user_actions.borrow("main", "USDT", Decimal(10_000))
            # (110,000 + 10,000) / (60,000 + 10,000)
            shown = await here.wait_for_document(lambda shown: shown["cross"]["margin_level"][:6] == "1.7142", 5)
            assert (shown["cross"]["source"], shown["cross"]["polled_margin_level"][:6]) == ("live", "1.8333")
            box.sandbox.clear_faults()
            await here.wait_for_state(lambda state: state.cross and state.cross.balances["USDT"].borrowed == 40_000)


async def test_an_event_during_a_slow_read_leads_to_one_more_read(tmp_path: Path) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready, schedule=RARELY)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await settled(here, box.sandbox)
            # The first answer is from before the second deposit and arrives after it.
            box.sandbox.add_fault(Fault("delay", path="/sapi/v1/margin/account", seconds=0.8))
            reads = len(account_reads(box.sandbox))
            box.sandbox.user_actions.deposit("main", "USDT", Decimal(5), "cross")
            await eventually(lambda: read_since(box.sandbox, reads), 5)
            box.sandbox.user_actions.deposit("main", "USDT", Decimal(6), "cross")
            await here.wait_for_state(lambda state: state.cross and state.cross.balances["USDT"].free == 20_011, 5)


@pytest.mark.slow
async def test_a_pair_that_appears_later_is_subscribed_and_measured(tmp_path: Path) -> None:
    schedule = RARELY | {"isolated": "1s"}
    later = replace(
        calm_scenario().accounts[0],
        isolated={**calm_scenario().accounts[0].isolated, "ETHUSDT": PairSpec(created=False)},
    )
    async with sandbox(replace(calm_scenario(), accounts=(later,))) as box:
        config = write_config(tmp_path, box.ready, schedule=schedule)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await settled_connected(here)
            assert set(here.state().streams["account"].subscriptions) == {"cross", "BTCUSDT"}
            await polls(here)
            asked = len(reference_reads(box.sandbox))
            await polls(here)
            assert len(reference_reads(box.sandbox)) == asked, "a pair that does not exist is no reason to read more"
            pair = box.sandbox.venue.accounts["main"].isolated["ETHUSDT"]
            pair.created = pair.enabled = True
            await here.wait_for_state(lambda state: "ETHUSDT" in state.streams["account"].subscriptions)
            await here.wait_for_state(lambda state: "ETHUSDT" in state.thresholds.tiers)
            box.sandbox.user_actions.deposit("main", "USDT", Decimal(100), "ETHUSDT")
            await here.wait_for_document(
                lambda shown: any(
                    pair["symbol"] == "ETHUSDT" and pair["quote"]["free"] == "100" for pair in shown["isolated"]
                )
            )


async def polls(here: InProcessDaemon) -> None:
    """Return after two more polls of the pairs."""
    seen = here.state().isolated
    assert seen is not None
    await here.wait_for_state(lambda state: state.isolated and state.isolated.as_of - seen.as_of > timedelta(seconds=2))


def reference_reads(box: Sandbox) -> list[ReceivedRequest]:
    return [request for request in box.requests if request.path == "/sapi/v1/margin/isolatedMarginTier"]


async def settled_connected(here: InProcessDaemon) -> None:
    await here.wait_for_state(
        lambda state: (
            [s.connected for s in state.streams.values()] == [True] * 3 and "BTCUSDT" in state.thresholds.tiers
        )
    )


@pytest.mark.slow
async def test_prices_move_the_level_between_polls_until_they_are_stale(tmp_path: Path) -> None:
    async with sandbox(speed=4) as box:
        config = write_config(tmp_path, box.ready, schedule=RARELY)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await settled(here, box.sandbox)
            # (20000 + 1.5 × 48000) ÷ (30000 + 10 × 3000), without any read
            reads = len(account_reads(box.sandbox))
            box.sandbox.user_actions.set_price("BTCUSDT", Decimal(48_000))
            shown = await here.wait_for_document(lambda shown: shown["cross"]["margin_level"][:6] == "1.5333")
            # (20000 + 1.5 × 60000) ÷ 60000
            assert (shown["cross"]["source"], shown["cross"]["polled_margin_level"][:6]) == ("live", "1.8333")
            assert len(account_reads(box.sandbox)) == reads

            box.sandbox.add_fault(Fault("half_open", stream="market"))
            # Stale prices bring nothing new: the last level counts until the next read, since it is the worse.
            box.sandbox.add_fault(Fault("status", path="/api/v3/*", status=503, count=0))
            shown = await here.wait_for_document(lambda shown: shown["cross"]["source"] == "poll")
            assert (shown["cross"]["margin_level"][:6], shown["cross"]["polled_margin_level"][:6]) == (
                "1.5333",
                "1.8333",
            )
