"""Every way in which streams die unnoticed: first the harm with its check switched off, then none with it on.

The table of all known failures and their tests is in `test_known_failures.py`.
"""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from monitor.core.model.events import StreamAlive
from monitor.exchange.binance.streams.stream_limits import StreamLimits
from monitor.exchange.binance.streams.websocket import WebSocketFactory
from monitor.sandbox.faults import MALFORMED_FRAMES, Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiInterpretations, Scenario
from tests.exchange.binance.streams.test_binance_streams import ListeningAccount, key_of, keys, running
from tests.support.connected_sandbox import EventInbox, connected_sandbox, hosts_of
from tests.support.daemon import eventually
from tests.support.timeouts import SOON_S

D = Decimal
HOUR_S = 3600
DAY_S = 24 * HOUR_S
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Suffix that the answer to a handshake is computed with (RFC 6455)."""
NEVER_S = 1e9
"""Seconds that never pass: a check with this limit does nothing."""
ALL_OFF = StreamLimits(
    silence_s=NEVER_S,
    price_silence_s=NEVER_S,
    lifetime_s=NEVER_S,
    probe_every_s=NEVER_S,
    renew_at=9.0,
    extend_every_s=NEVER_S,
    missing_event_s=NEVER_S,
    overlap_s=0,
)
"""Limits with every check switched off, as in a naive client."""


@contextlib.asynccontextmanager
async def guarded(
    guards: StreamLimits, *, speed: float = 1.0, scenario: Scenario | None = None, faults: Sequence[Fault] = ()
) -> AsyncIterator[ListeningAccount]:
    """Run streams with these limits alone until they are up."""
    inbox = EventInbox()
    async with (
        connected_sandbox(scenario, speed=speed, faults=faults, websockets=WebSocketFactory(limits=guards)) as w,
        running(w.account, inbox),
    ):
        both = ListeningAccount(w, inbox)
        await both.connected()
        yield both


async def pass_time(both: ListeningAccount, exchange_s: float) -> None:
    """Return when so much exchange time is over."""
    until = both.world.clock.now().timestamp() + exchange_s

    async def is_over() -> bool:
        return both.world.clock.now().timestamp() >= until

    await eventually(is_over, 60)


async def event_arrives(both: ListeningAccount, place: str = "cross", within_s: float = SOON_S) -> bool:
    """Return whether the event of a change made now arrives in time."""
    known = set(keys(both.inbox))
    both.move("1", place)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not any(e.key not in known and str(e.scope) == place for e in both.inbox.stream_events()):
                await both.inbox.wait_for_next()
            return True
    return False


def loss_reasons(both: ListeningAccount, stream: str) -> list[str]:
    """Return the reason of each reported loss of a stream."""
    return [change.reason for change in both.inbox.changes(stream) if not change.connected]


def liveness_reports(both: ListeningAccount, stream: str) -> list[StreamAlive]:
    """Return the signs of life of a stream."""
    return [event for event in both.inbox.events if isinstance(event, StreamAlive) and event.stream == stream]


@pytest.mark.parametrize("is_on", [False, True])
async def test_socket_that_stays_open_without_any_frame(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, silence_s=0.5 if is_on else NEVER_S)) as both:
        both.world.sandbox.add_fault(Fault("half_open", stream="account"))
        if is_on:
            await both.announced("account", 3)
            assert loss_reasons(both, "account") == ["silent for 0.5 s"]
        assert await event_arrives(both, within_s=SOON_S if is_on else 2) is is_on
        assert bool(loss_reasons(both, "account")) is is_on


@pytest.mark.slow
async def test_rarely_pinging_host_is_pinged_before_being_dropped() -> None:
    async with guarded(replace(ALL_OFF, silence_s=0.6)) as both:
        # The sandbox pings every 20 seconds: until then only the answers to our own pings arrive.
        await pass_time(both, 3)
        assert not loss_reasons(both, "account")
        assert not loss_reasons(both, "risk")


@pytest.mark.parametrize("is_on", [False, True])
async def test_market_socket_that_pings_without_prices(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, price_silence_s=1.0 if is_on else NEVER_S)) as both:
        both.world.sandbox.add_fault(Fault("mute", stream="market", seconds=DAY_S))
        if is_on:
            await both.inbox.wait_until(lambda: loss_reasons(both, "market") == ["no price of BTCUSDT for 1 s"])
            await both.inbox.wait_until(lambda: both.inbox.is_connected_with("market", "BTCUSDT", "ETHUSDT"))
        else:
            await pass_time(both, 2)
            assert loss_reasons(both, "market") == []


async def test_market_socket_without_a_first_price_is_not_connected() -> None:
    async with guarded(replace(ALL_OFF, price_silence_s=1.0)) as both:
        both.world.sandbox.add_fault(Fault("silent", stream="market"))
        await both.inbox.wait_until(lambda: loss_reasons(both, "market") == ["no price of BTCUSDT for 1 s"])
        opened: Any = both.world.sandbox._stream_server.connections
        known = {connection.number for connection in opened}
        seen: set[int] = set()
        signs = len(liveness_reports(both, "market"))
        while len(seen) < 2:
            seen |= {connection.number for connection in opened if connection.stream == "market"} - known
            await asyncio.sleep(0.02)
        # Connections came and went; none of them was reported, nor any sign of life.
        assert not both.inbox.changes("market")[-1].connected
        assert len(liveness_reports(both, "market")) == signs
        both.world.sandbox.clear_faults()
        await both.inbox.wait_until(lambda: both.inbox.is_connected_with("market", "BTCUSDT", "ETHUSDT"))


async def test_unresponsive_risk_socket_is_not_connected() -> None:
    opened = 0

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.splitlines()
        key = next(line.partition(": ")[2] for line in lines if line.lower().startswith("sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{upgrade}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        opened += 1
        await reader.read()
        writer.close()

    inbox = EventInbox()
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    # Python 3.13 would wait, at the end of a server's own context, for connections that it has lost sight of.
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(server.close)
        w = await stack.enter_async_context(connected_sandbox())
        deaf = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        guards = replace(ALL_OFF, answer_s=0.3)
        hosts = hosts_of(w.ready, risk_stream=deaf)
        async with (
            connected_sandbox(base_urls=hosts, websockets=WebSocketFactory(limits=guards)) as other,
            running(other.account, inbox),
        ):
            await inbox.wait_until(lambda: opened >= 2)
            (change,) = inbox.changes("risk")
            assert (change.connected, change.reason) == (False, "no answer to a ping")


async def test_quiet_symbol_is_no_dead_socket() -> None:
    scenario = replace(calm_scenario(), quiet=frozenset({"ETHUSDT"}))
    async with guarded(replace(ALL_OFF, price_silence_s=1.5), scenario=scenario) as both:
        await pass_time(both, 3)
        assert loss_reasons(both, "market") == []


@pytest.mark.parametrize("stream", ["account", "market"])
@pytest.mark.parametrize("is_on", [False, True])
async def test_silently_lost_subscription(stream: str, is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, probe_every_s=2 if is_on else NEVER_S), speed=5) as both:
        both.world.sandbox.add_fault(Fault("forget", stream=stream))
        if is_on:
            await both.inbox.wait_until(lambda: loss_reasons(both, stream))
            assert "gone without notice" in loss_reasons(both, stream)[0]
            await both.connected()
        if stream == "account":
            assert await event_arrives(both, within_s=SOON_S if is_on else 1) is is_on
        assert bool(loss_reasons(both, stream)) is is_on


@pytest.mark.parametrize("is_on", [False, True])
@pytest.mark.parametrize("place", ["cross", "BTCUSDT"])
async def test_connected_stream_without_events_is_detected(place: str, is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, missing_event_s=0.5 if is_on else NEVER_S)) as both:
        await _poll(both)
        assert await event_arrives(both, place)
        await _poll(both)
        both.world.sandbox.add_fault(Fault("mute", stream="account", seconds=DAY_S))
        both.move("5", place)
        await _poll(both)
        if is_on:
            await both.announced("account", 3)
            (reason,) = loss_reasons(both, "account")
            assert reason.startswith(f"deaf: USDT of {place}")
            await both.connected()
        assert await event_arrives(both, place, within_s=SOON_S if is_on else 1.5) is is_on


async def test_slightly_late_event_is_no_missing_event() -> None:
    async with guarded(replace(ALL_OFF, missing_event_s=1.5)) as both:
        await _poll(both)
        both.world.sandbox.add_fault(Fault("delay", stream="account", seconds=0.7))
        both.move("5")
        await _poll(both)
        await both.wait_until_all_arrived()
        await pass_time(both, 2)
        assert loss_reasons(both, "account") == []


@pytest.mark.slow
async def test_balance_change_during_a_disconnect_is_no_missing_event() -> None:
    async with guarded(replace(ALL_OFF, missing_event_s=0.3)) as both:
        await _poll(both)
        both.world.sandbox.add_fault(Fault("refuse", stream="account", seconds=1))
        both.drop_connection("account")
        await both.inbox.wait_until(lambda: loss_reasons(both, "account"))
        both.move("5")
        await both.inbox.wait_until(lambda: both.inbox.is_connected_with("account", "BTCUSDT", "cross"))
        await _poll(both)
        await pass_time(both, 2)
        assert loss_reasons(both, "account") == ["cut"]


@pytest.mark.parametrize("reading", ["same", "new"])
@pytest.mark.parametrize("is_on", [False, True])
@pytest.mark.slow
async def test_expired_listen_token(reading: Any, is_on: bool) -> None:
    scenario = replace(calm_scenario(), readings=ApiInterpretations(renewed_subscription_id=reading))
    guards = replace(ALL_OFF, renew_at=0.5 if is_on else 9.0)
    inbox = EventInbox()
    async with connected_sandbox(scenario, speed=3000, websockets=WebSocketFactory(limits=guards)) as w:
        stream_server: Any = w.sandbox._stream_server
        stream_server.tokens.max_validity_ms = HOUR_S * 1000
        async with running(w.account, inbox):
            both = ListeningAccount(w, inbox)
            await both.connected()
            await pass_time(both, 2.2 * HOUR_S)
            ended = [event for event in inbox.stream_events() if event.type == "eventStreamTerminated"]
            assert (not ended) is is_on
            assert (not loss_reasons(both, "account")) is is_on


@pytest.mark.parametrize("is_on", [False, True])
@pytest.mark.slow
async def test_expired_listen_key(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, extend_every_s=1800 if is_on else NEVER_S), speed=3000) as both:
        await pass_time(both, 2.2 * HOUR_S)
        assert (loss_reasons(both, "risk") == []) is is_on


@pytest.mark.slow
@pytest.mark.parametrize("is_on", [False, True])
async def test_connection_at_its_maximum_age(is_on: bool) -> None:
    guards = replace(ALL_OFF, renew_at=0.5, extend_every_s=1800, lifetime_s=23 * HOUR_S if is_on else NEVER_S)
    async with guarded(guards, speed=5_000) as both:
        await pass_time(both, 25 * HOUR_S)
        for stream in ("account", "market", "risk"):
            assert ("cut" in loss_reasons(both, stream)) is not is_on


@pytest.mark.parametrize("is_on", [False, True])
async def test_replaced_connection_that_still_owes_events(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, overlap_s=10 if is_on else 0)) as both:
        old = next(connection for connection in both.world.sandbox.connections if connection.stream == "account")
        both.move()
        frames: Any = old._frames
        owed = list(frames)
        frames.clear()
        assert len(owed) == 2
        # The notice overtakes the last events of the connection: the next connection is up before they are out.
        old.send('{"event":{"e":"serverShutdown","E":1770123456789}}')
        await both.announced("account", 2)
        if not is_on:

            async def is_closed() -> bool:
                return old not in both.world.sandbox.connections

            await eventually(is_closed)
        frames.extend(owed)
        old._wake.set()
        await pass_time(both, 1)
        assert (set(keys(both.inbox)) >= {key_of(event) for event in both.world.sandbox.sent_events}) is is_on


async def _poll(both: ListeningAccount) -> None:
    await both.world.account.read_cross()
    await both.world.account.read_isolated()


async def test_loss_while_reconnecting_is_announced_at_once() -> None:
    hang = Fault("hang", path="/sapi/v1/userListenToken", nth=3, count=1)
    async with guarded(ALL_OFF, faults=[hang]) as both:
        both.world.sandbox.add_fault(Fault("shutdown", stream="account"))
        await asyncio.wait_for(both.inbox.wait_until(lambda: loss_reasons(both, "account")), SOON_S)
        assert not both.inbox.changes("account")[-1].connected


async def test_account_without_subscriptions_misses_nothing() -> None:
    inbox = EventInbox()
    async with connected_sandbox(speed=50, cross=False) as w, running(w.account, inbox, pairs=()):
        await inbox.wait_until(lambda: inbox.changes("account"))
        start = w.clock.now()
        beats: list[StreamAlive] = []

        async def is_over() -> bool:
            beats[:] = [e for e in inbox.events if isinstance(e, StreamAlive) and e.stream == "account"]
            return (w.clock.now() - start).total_seconds() > 60

        await eventually(is_over)
        assert (w.clock.now() - beats[-1].at).total_seconds() < 20
        assert inbox.changes("account")[-1].connected


@pytest.mark.parametrize("form", MALFORMED_FRAMES)
@pytest.mark.parametrize("stream", ["account", "risk"])
async def test_unknown_frame_harms_nothing_else(stream: str, form: str) -> None:
    async with guarded(ALL_OFF) as both:
        both.world.sandbox.add_fault(Fault("malform", stream=stream, count=1, form=form))
        both.world.sandbox.user_actions.borrow("main", "USDT", D(10))
        if form == "oversized":
            await both.inbox.wait_until(lambda: loss_reasons(both, stream) == ["a frame was too large"])
            await both.connected()
        else:
            await both.inbox.wait_until(lambda: any(e.rejected for e in both.inbox.stream_events(stream)))
            assert loss_reasons(both, stream) == []
        both.world.sandbox.user_actions.borrow("main", "USDT", D(20))
        await both.wait_until_all_arrived()
