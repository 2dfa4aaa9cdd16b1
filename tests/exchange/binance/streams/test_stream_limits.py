"""Every way in which streams die unnoticed: first the harm with its guard switched off, then none with it on.

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
from monitor.exchange.binance.streams.stream_limits import OFF, Guards
from monitor.exchange.binance.streams.websocket import Sockets
from monitor.sandbox.faults import MALFORMED_FRAMES, Fault
from monitor.sandbox.scenario.builtin import calm
from monitor.sandbox.scenario.scenario import Readings, Scenario
from tests.exchange.binance.streams.test_streams import Listening, key_of, keys, running
from tests.support.connected_sandbox import Inbox, hosts_of, world
from tests.support.daemon import eventually
from tests.support.timeouts import SOON_S

D = Decimal
HOUR_S = 3600
DAY_S = 24 * HOUR_S
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What the answer to an opening is made with (RFC 6455)."""
ALL_OFF = Guards(
    silence_s=OFF,
    price_silence_s=OFF,
    lifetime_s=OFF,
    probe_every_s=OFF,
    renew_at=9.0,
    extend_every_s=OFF,
    untold_s=OFF,
    overlap_s=0,
)
"""Nothing is guarded: what a naive client does."""


@contextlib.asynccontextmanager
async def guarded(
    guards: Guards, *, speed: float = 1.0, scenario: Scenario | None = None, faults: Sequence[Fault] = ()
) -> AsyncIterator[Listening]:
    """Streams that are up, with these guards alone."""
    inbox = Inbox()
    async with (
        world(scenario, speed=speed, faults=faults, sockets=Sockets(guards=guards)) as w,
        running(w.account, inbox),
    ):
        both = Listening(w, inbox)
        await both.connected()
        yield both


async def passes(both: Listening, exchange_s: float) -> None:
    """Returns when so much exchange time is over."""
    until = both.world.clock.now().timestamp() + exchange_s

    async def is_over() -> bool:
        return both.world.clock.now().timestamp() >= until

    await eventually(is_over, 60)


async def arrives(both: Listening, place: str = "cross", within_s: float = SOON_S) -> bool:
    """Whether something that happens now is heard of in time."""
    known = set(keys(both.inbox))
    both.move("1", place)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not any(e.key not in known and str(e.scope) == place for e in both.inbox.stream_events()):
                await both.inbox.until_next()
            return True
    return False


def losses(both: Listening, stream: str) -> list[str]:
    """Why a stream was announced as lost, each time."""
    return [change.reason for change in both.inbox.changes(stream) if not change.connected]


def alive(both: Listening, stream: str) -> list[StreamAlive]:
    """The signs of life of a stream."""
    return [event for event in both.inbox.events if isinstance(event, StreamAlive) and event.stream == stream]


@pytest.mark.parametrize("is_on", [False, True])
async def test_socket_that_stays_open_without_any_frame(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, silence_s=0.5 if is_on else OFF)) as both:
        both.world.sandbox.add_fault(Fault("half_open", stream="account"))
        if is_on:
            await both.announced("account", 3)
            assert losses(both, "account") == ["silent for 0.5 s"]
        assert await arrives(both, within_s=SOON_S if is_on else 2) is is_on
        assert bool(losses(both, "account")) is is_on


@pytest.mark.slow
async def test_host_that_pings_rarely_is_asked_before_it_is_given_up() -> None:
    async with guarded(replace(ALL_OFF, silence_s=0.6)) as both:
        # The sandbox pings every 20 seconds: until then nothing comes but the answers to our own pings.
        await passes(both, 3)
        assert not losses(both, "account")
        assert not losses(both, "risk")


@pytest.mark.parametrize("is_on", [False, True])
async def test_market_socket_that_pings_and_tells_no_prices(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, price_silence_s=1.0 if is_on else OFF)) as both:
        both.world.sandbox.add_fault(Fault("mute", stream="market", seconds=DAY_S))
        if is_on:
            await both.inbox.until(lambda: losses(both, "market") == ["no price of BTCUSDT for 1 s"])
            await both.inbox.until(lambda: both.inbox.carries("market", "BTCUSDT", "ETHUSDT"))
        else:
            await passes(both, 2)
            assert losses(both, "market") == []


async def test_market_socket_that_opens_and_never_brings_a_price_is_no_connection() -> None:
    async with guarded(replace(ALL_OFF, price_silence_s=1.0)) as both:
        both.world.sandbox.add_fault(Fault("silent", stream="market"))
        await both.inbox.until(lambda: losses(both, "market") == ["no price of BTCUSDT for 1 s"])
        opened: Any = both.world.sandbox._house.connections
        known = {one.number for one in opened}
        seen: set[int] = set()
        signs = len(alive(both, "market"))
        while len(seen) < 2:
            seen |= {one.number for one in opened if one.stream == "market"} - known
            await asyncio.sleep(0.02)
        # Connections came and went; none of them was told as one, nor as a sign of life.
        assert not both.inbox.changes("market")[-1].connected
        assert len(alive(both, "market")) == signs
        both.world.sandbox.clear_faults()
        await both.inbox.until(lambda: both.inbox.carries("market", "BTCUSDT", "ETHUSDT"))


async def test_risk_socket_that_opens_and_answers_nothing_is_no_connection() -> None:
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

    inbox = Inbox()
    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server, world() as w:
        deaf = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        guards = replace(ALL_OFF, answer_s=0.3)
        hosts = hosts_of(w.ready, risk_stream=deaf)
        async with (
            world(hosts=hosts, sockets=Sockets(guards=guards)) as other,
            running(other.account, inbox),
        ):
            await inbox.until(lambda: opened >= 2)
            (change,) = inbox.changes("risk")
            assert (change.connected, change.reason) == (False, "no answer to a ping")


async def test_quiet_symbol_is_no_dead_socket() -> None:
    scenario = replace(calm(), quiet=frozenset({"ETHUSDT"}))
    async with guarded(replace(ALL_OFF, price_silence_s=1.5), scenario=scenario) as both:
        await passes(both, 3)
        assert losses(both, "market") == []


@pytest.mark.parametrize("stream", ["account", "market"])
@pytest.mark.parametrize("is_on", [False, True])
async def test_subscription_that_is_lost_without_a_word(stream: str, is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, probe_every_s=2 if is_on else OFF), speed=5) as both:
        both.world.sandbox.add_fault(Fault("forget", stream=stream))
        if is_on:
            await both.inbox.until(lambda: losses(both, stream))
            assert "gone without notice" in losses(both, stream)[0]
            await both.connected()
        if stream == "account":
            assert await arrives(both, within_s=SOON_S if is_on else 1) is is_on
        assert bool(losses(both, stream)) is is_on


@pytest.mark.parametrize("is_on", [False, True])
@pytest.mark.parametrize("place", ["cross", "BTCUSDT"])
async def test_stream_that_claims_to_be_up_and_is_deaf(place: str, is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, untold_s=0.5 if is_on else OFF)) as both:
        await _poll(both)
        assert await arrives(both, place)
        await _poll(both)
        both.world.sandbox.add_fault(Fault("mute", stream="account", seconds=DAY_S))
        both.move("5", place)
        await _poll(both)
        if is_on:
            await both.announced("account", 3)
            assert losses(both, "account") == [f"deaf: USDT of {place} changed and no event told it"]
            await both.connected()
        assert await arrives(both, place, within_s=SOON_S if is_on else 1.5) is is_on


async def test_event_that_comes_a_little_late_is_no_deafness() -> None:
    async with guarded(replace(ALL_OFF, untold_s=1.5)) as both:
        await _poll(both)
        both.world.sandbox.add_fault(Fault("delay", stream="account", seconds=0.7))
        both.move("5")
        await _poll(both)
        await both.everything_arrived()
        await passes(both, 2)
        assert losses(both, "account") == []


@pytest.mark.slow
async def test_balance_that_changed_while_nobody_listened_is_no_deafness() -> None:
    async with guarded(replace(ALL_OFF, untold_s=0.3)) as both:
        await _poll(both)
        both.world.sandbox.add_fault(Fault("refuse", stream="account", seconds=1))
        both.drop("account")
        await both.inbox.until(lambda: losses(both, "account"))
        both.move("5")
        await both.inbox.until(lambda: both.inbox.carries("account", "BTCUSDT", "cross"))
        await _poll(both)
        await passes(both, 2)
        assert losses(both, "account") == ["cut"]


@pytest.mark.parametrize("reading", ["same", "new"])
@pytest.mark.parametrize("is_on", [False, True])
@pytest.mark.slow
async def test_listen_token_that_nobody_renews(reading: Any, is_on: bool) -> None:
    scenario = replace(calm(), readings=Readings(renewed_subscription_id=reading))
    guards = replace(ALL_OFF, renew_at=0.5 if is_on else 9.0)
    inbox = Inbox()
    async with world(scenario, speed=3000, sockets=Sockets(guards=guards)) as w:
        house: Any = w.sandbox._house
        house.tokens.longest_ms = HOUR_S * 1000
        async with running(w.account, inbox):
            both = Listening(w, inbox)
            await both.connected()
            await passes(both, 2.2 * HOUR_S)
            ended = [event for event in inbox.stream_events() if event.type == "eventStreamTerminated"]
            assert (not ended) is is_on
            assert (not losses(both, "account")) is is_on


@pytest.mark.parametrize("is_on", [False, True])
@pytest.mark.slow
async def test_listen_key_that_nobody_extends(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, extend_every_s=1800 if is_on else OFF), speed=3000) as both:
        await passes(both, 2.2 * HOUR_S)
        assert (losses(both, "risk") == []) is is_on


@pytest.mark.slow
@pytest.mark.parametrize("is_on", [False, True])
async def test_connection_that_lives_its_whole_day(is_on: bool) -> None:
    guards = replace(ALL_OFF, renew_at=0.5, extend_every_s=1800, lifetime_s=23 * HOUR_S if is_on else OFF)
    async with guarded(guards, speed=5_000) as both:
        await passes(both, 25 * HOUR_S)
        for stream in ("account", "market", "risk"):
            assert ("cut" in losses(both, stream)) is not is_on


@pytest.mark.parametrize("is_on", [False, True])
async def test_replaced_connection_that_still_owes_events(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, overlap_s=10 if is_on else 0)) as both:
        old = next(one for one in both.world.sandbox.connections if one.stream == "account")
        both.move()
        frames: Any = old._frames
        owed = list(frames)
        frames.clear()
        assert len(owed) == 2
        # The notice overtakes what the connection owes: the next one stands before that is out.
        old.send('{"event":{"e":"serverShutdown","E":1770123456789}}')
        await both.announced("account", 2)
        if not is_on:

            async def is_closed() -> bool:
                return old not in both.world.sandbox.connections

            await eventually(is_closed)
        frames.extend(owed)
        old._wake.set()
        await passes(both, 1)
        assert (set(keys(both.inbox)) >= {key_of(event) for event in both.world.sandbox.sent_events}) is is_on


async def _poll(both: Listening) -> None:
    await both.world.account.read_cross()
    await both.world.account.read_isolated()


async def test_loss_while_the_next_line_is_being_opened_is_told_at_once() -> None:
    hang = Fault("hang", path="/sapi/v1/userListenToken", nth=3, count=1)
    async with guarded(ALL_OFF, faults=[hang]) as both:
        both.world.sandbox.add_fault(Fault("shutdown", stream="account"))
        await asyncio.wait_for(both.inbox.until(lambda: losses(both, "account")), SOON_S)
        assert not both.inbox.changes("account")[-1].connected


async def test_account_without_anything_to_listen_to_misses_nothing() -> None:
    inbox = Inbox()
    async with world(speed=50, cross=False) as w, running(w.account, inbox, pairs=()):
        await inbox.until(lambda: inbox.changes("account"))
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
async def test_frame_of_no_known_shape_costs_nothing_but_itself(stream: str, form: str) -> None:
    async with guarded(ALL_OFF) as both:
        both.world.sandbox.add_fault(Fault("malform", stream=stream, count=1, form=form))
        both.world.sandbox.hand.borrow("main", "USDT", D(10))
        if form == "oversized":
            await both.inbox.until(lambda: losses(both, stream) == ["a frame was too large"])
            await both.connected()
        else:
            await both.inbox.until(lambda: any(e.rejected for e in both.inbox.stream_events(stream)))
            assert losses(both, stream) == []
        both.world.sandbox.hand.borrow("main", "USDT", D(20))
        await both.everything_arrived()
