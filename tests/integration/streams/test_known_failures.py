"""Every known failure of streams: the harm without the counter-measure, and none with it.

Each row names the test that shows both, and the switch of the counter-measure: a field of `StreamLimits`, or what the
test leaves out. Tests without a module are in this one. G: `exchange/binance/streams/test_stream_limits.py`, R:
`exchange/binance/test_binance_account_reads.py`, all paths below `tests/`.

| failure | harm first, then none | switched off by |
|---|---|---|
| the socket stays open, data stops | G `test_socket_that_stays_open_without_any_frame` | `silence_s` |
| … while pings go on, prices | G `test_market_socket_that_pings_without_prices` | `price_silence_s` |
| … as the subscription is gone | G `test_silently_lost_subscription` | `probe_every_s` |
| … as no events come | G `test_connected_stream_without_events_is_detected` | `missing_event_s` |
| an idle user socket is dropped, code 1006 | `test_idle_socket_is_kept_by_pongs` | a client that answers none |
| … and is not opened again | `test_dropped_socket_is_opened_again` | `reconnects` |
| … or is opened too often | `test_server_that_refuses_is_not_hammered` | `max_backoff_s` |
| a second connection silences the first | `test_stream_silenced_by_another_session_is_detected` | `missing_event_s` |
| events during a disconnect are never replayed | `test_changes_during_a_disconnect_are_read` | no read |
| the user stream does not recover after network loss | `test_dropped_socket_is_opened_again` | `reconnects` |
| the listen key is never refreshed while idle | G `test_expired_listen_key` | `extend_every_s` |
| the key expired in an outage, PUT fails with -1125 | `test_key_that_expired_during_an_outage` | `renews_lost_key` |
| the listen token is never renewed | G `test_expired_listen_token` | `renew_at` |
| … nor subscribed again after a reconnect | `test_dropped_socket_is_opened_again` | `reconnects` |
| cross and isolated share a bucket | `test_cross_and_pairs_do_not_share_a_subscription` | `subscribes_each_scope` |
| a full queue kills the reader | `test_flood_overflows_no_queue` | a bounded queue |
| execution reports and balances come late | `test_late_events_are_ordered_by_the_exchanges_times` | order of arrival |
| balances are stale after a disconnect | `test_stale_balances_are_kept_and_marked` | no limit of age |
| events carry no debt | `test_debt_is_read_because_no_event_carries_it` | no read |
| eventStreamTerminated seconds after the start | `test_subscription_that_always_ends_at_once` | `max_backoff_s` |
| overlapping sockets send everything twice | `test_event_that_comes_twice_is_one` | keys ignored |
| … and the last events of a replaced one are lost | G `test_replaced_connection_that_still_owes_events` | `overlap_s` |
| connections are cut after a day | G `test_connection_at_its_maximum_age` | `lifetime_s` |
| the user stream is migrated | `sandbox/test_rare_endpoints.py` `test_retired_paths…` | `account_stream` of old |
| -1021, the timestamp | R `test_refused_timestamp…`, `test_timestamp_refused_again…` | no second try |
"""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from monitor.core.metrics.snapshot import measure_subject
from monitor.core.model.events import CrossRead, StreamEvent
from monitor.core.model.stream_payloads import BalanceAdjusted, BalancesChanged
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.stream_overlay import EMPTY_OVERLAY, apply_event
from monitor.exchange.binance.streams.websocket import WebSocketFactory
from monitor.runtime.account.inbox import Inbox as RealInbox
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.server import Sandbox
from tests.exchange.binance.streams.test_binance_streams import (
    KEY_PATH,
    TOKEN_PATH,
    ListeningAccount,
    key_of,
    keys,
    running,
)
from tests.exchange.binance.streams.test_stream_limits import (
    ALL_OFF,
    DAY_S,
    NEVER_S,
    event_arrives,
    guarded,
    loss_reasons,
    pass_time,
)
from tests.support.connected_sandbox import EventInbox, connected_sandbox
from tests.support.daemon import eventually
from tests.support.timeouts import SOON_S

D = Decimal
ATTEMPTS_IN_FIVE_MINUTES = 300
CONNECT_WEIGHT = 2


async def test_idle_socket_is_kept_by_pongs() -> None:
    box = Sandbox(calm_scenario(), ping_every_s=0.2, pong_within_s=2)
    ready = await box.start()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(ready.ws_api_url, autoping=False) as mute,
            WebSocketFactory(limits=ALL_OFF).open(ready.ws_api_url, lambda: None) as link,
        ):
            reading = asyncio.create_task(link.read(lambda frame: None))
            while (message := await mute.receive(5)).type is aiohttp.WSMsgType.PING:
                pass
            assert (message.type, mute.close_code) == (aiohttp.WSMsgType.CLOSED, 1006)
            is_up = not reading.done()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        assert is_up
    finally:
        await box.stop()


@pytest.mark.parametrize("is_on", [False, True])
@pytest.mark.parametrize("stream", ["account", "risk"])
async def test_dropped_socket_is_opened_again(stream: str, is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, reconnects=is_on)) as both:
        both.drop_connection(stream)
        await both.inbox.wait_until(lambda: loss_reasons(both, stream) == ["cut"])
        if is_on:
            await both.connected()
        before = len(both.sent)
        both.world.sandbox.user_actions.borrow("main", "USDT", D(10))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SOON_S if is_on else 1):
                await both.wait_until_all_arrived()
        told = {event.stream for event in both.sent[before:] if key_of(event) in keys(both.inbox)}
        assert (stream in told) is is_on


@pytest.mark.slow
@pytest.mark.parametrize("is_on", [False, True])
async def test_server_that_refuses_is_not_hammered(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, max_backoff_s=60 if is_on else 0), speed=100) as both:
        both.world.sandbox.add_fault(Fault("refuse", stream="account", seconds=DAY_S))
        both.drop_connection("account")
        await both.inbox.wait_until(lambda: loss_reasons(both, "account"))
        before = both.world.sandbox.ip_weight_spent
        await pass_time(both, 300)
        attempts = (both.world.sandbox.ip_weight_spent - before) / CONNECT_WEIGHT
        assert (attempts < ATTEMPTS_IN_FIVE_MINUTES) is is_on


@pytest.mark.slow
@pytest.mark.parametrize("is_on", [False, True])
async def test_stream_silenced_by_another_session_is_detected(is_on: bool) -> None:
    async with (
        guarded(replace(ALL_OFF, missing_event_s=0.5 if is_on else NEVER_S)) as both,
        WebSocketFactory().open(both.world.ready.ws_api_url, lambda: None),
    ):
        # It takes all that was ours; our own connection stays open and is pinged as before.
        both.world.sandbox.add_fault(Fault("mute", stream="account", seconds=DAY_S))
        await both.world.account.read_cross()
        both.move()
        await both.world.account.read_cross()
        if is_on:
            await both.inbox.wait_until(lambda: loss_reasons(both, "account"))
            (reason,) = loss_reasons(both, "account")
            assert reason.startswith("deaf: USDT")
            await both.connected()
        assert await event_arrives(both, within_s=SOON_S if is_on else 1) is is_on


@pytest.mark.slow
async def test_changes_during_a_disconnect_are_read() -> None:
    async with guarded(ALL_OFF) as both:
        both.world.sandbox.add_fault(Fault("refuse", stream="account"))
        both.drop_connection("account")
        await both.inbox.wait_until(lambda: loss_reasons(both, "account"))
        both.move("77")
        both.world.sandbox.clear_faults()
        await both.inbox.wait_until(lambda: both.inbox.changes("account")[-1].connected)
        await pass_time(both, 1)
        assert both.inbox.stream_events() == [], "no event of it ever comes"
        assert (await both.world.account.read_cross()).balances["USDT"].free == 20_077


@pytest.mark.slow
@pytest.mark.parametrize("is_on", [False, True])
async def test_key_that_expired_during_an_outage(is_on: bool) -> None:
    guards = replace(ALL_OFF, extend_every_s=60, renews_lost_key=is_on)
    async with guarded(guards, speed=60) as both:
        (old,) = [connection for connection in both.world.sandbox.connections if connection.stream == "risk"]
        # The end of the key is not noticed: neither the event nor an answer comes through.
        both.world.sandbox.add_fault(Fault("mute", stream="risk", seconds=DAY_S))
        both.world.sandbox.add_fault(Fault("expire", stream="risk"))
        both.world.sandbox.clear_faults()

        async def is_refused() -> bool:
            return any(request.code == -1125 for request in both.world.requests(KEY_PATH, "PUT"))

        await eventually(is_refused)
        if is_on:
            await both.inbox.wait_until(lambda: loss_reasons(both, "risk") == ["the listen key is gone (code -1125)"])
            await both.connected()
            assert old not in both.world.sandbox.connections
        both.world.sandbox.user_actions.borrow("main", "USDT", D(10))
        await pass_time(both, 30)
        assert bool(both.inbox.stream_events("risk")) is is_on
        assert (old in both.world.sandbox.connections) is not is_on


@pytest.mark.parametrize("is_on", [False, True])
async def test_cross_and_pairs_do_not_share_a_subscription(is_on: bool) -> None:
    inbox = EventInbox()
    guards = replace(ALL_OFF, subscribes_each_scope=is_on)
    async with connected_sandbox(websockets=WebSocketFactory(limits=guards)) as w, running(w.account, inbox):
        both = ListeningAccount(w, inbox)
        await inbox.wait_until(lambda: inbox.changes("account"))
        assert inbox.changes("account")[-1].connected
        assert await event_arrives(both, "cross")
        assert await event_arrives(both, "BTCUSDT", within_s=SOON_S if is_on else 1) is is_on


@pytest.mark.slow
async def test_flood_overflows_no_queue() -> None:
    naive: asyncio.Queue[Any] = asyncio.Queue(100)
    async with connected_sandbox() as w:
        streams = w.account.create_streams(naive.put_nowait)
        streams.watch_pairs(["BTCUSDT"])
        reader = asyncio.create_task(streams.run())
        await _subscribed(w.sandbox)
        w.sandbox.add_fault(Fault("flood", stream="account", count=3000))
        with pytest.raises(asyncio.QueueFull):
            await reader
    ours = RealInbox()
    async with connected_sandbox() as w:
        streams = w.account.create_streams(ours.put)
        streams.watch_pairs(["BTCUSDT"])
        reader = asyncio.create_task(streams.run())
        await _subscribed(w.sandbox)
        w.sandbox.add_fault(Fault("flood", stream="account", count=3000))
        told: set[str] = set()
        async with asyncio.timeout(SOON_S):
            while len(told) < 3000:
                told |= {event.key for event in await ours.take() if isinstance(event, StreamEvent)}
        assert not reader.done()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def test_late_events_are_ordered_by_the_exchanges_times() -> None:
    async with guarded(ALL_OFF) as both:
        both.world.sandbox.add_fault(Fault("reorder", stream="account", count=2))
        for amount in (10, 20):
            both.world.sandbox.user_actions.borrow("main", "USDT", D(amount))
            await pass_time(both, 0.01)
        await both.wait_until_all_arrived()
        by_arrival, by_time = D(0), EMPTY_OVERLAY
        for event in both.inbox.stream_events():
            by_time = apply_event(by_time, event)
            if isinstance(event.parsed, BalancesChanged):
                by_arrival = event.parsed.amounts["USDT"][0]
    assert by_arrival == 20_010
    assert by_time.balances["USDT"].free == 20_030


async def test_event_that_comes_twice_is_one() -> None:
    async with guarded(ALL_OFF) as both:
        both.world.sandbox.add_fault(Fault("duplicate", stream="account", count=10))
        both.move("5")
        await both.inbox.wait_until(lambda: len(both.inbox.stream_events()) == 4)
        moved = [(e.key, e.parsed.delta) for e in both.inbox.stream_events() if isinstance(e.parsed, BalanceAdjusted)]
    assert sum(amount for _, amount in moved) == 10
    assert sum(dict(moved).values()) == 5


async def test_debt_is_read_because_no_event_carries_it() -> None:
    async with guarded(ALL_OFF) as both:
        both.world.sandbox.user_actions.borrow("main", "USDT", D(1000))
        await both.wait_until_all_arrived()
        told = [event.parsed for event in both.inbox.stream_events() if isinstance(event.parsed, BalancesChanged)]
        assert told[-1].amounts["USDT"] == (D(21_000), D(0)), "richer by what is owed, as far as events tell"
        assert (await both.world.account.read_cross()).balances["USDT"].borrowed == 31_000


@pytest.mark.parametrize("is_on", [False, True])
async def test_stale_balances_are_kept_and_marked(is_on: bool) -> None:
    settings = AccountSettings("main", stale_after=timedelta(minutes=3) if is_on else timedelta(days=36_500))
    async with connected_sandbox() as w:
        read = CrossRead(await w.account.read_cross())
        w.sandbox.user_actions.borrow("main", "USDT", D(30_000))
    at = read.snapshot.received_at
    state = apply_account_event(AccountState("main", at), read, at)
    later = measure_subject(state, settings, ("cross", ""), at + timedelta(hours=1))
    assert later.state == ("stale" if is_on else "ok")
    # (1.5 × 60,000 + 20,000) ÷ (30,000 + 10 × 3,000): true an hour ago
    assert str(later.values["margin_level"])[:6] == "1.8333" or str(later.display["margin_level"])[:6] == "1.8333"


@pytest.mark.slow
@pytest.mark.parametrize("is_on", [False, True])
async def test_subscription_that_always_ends_at_once(is_on: bool) -> None:
    async with guarded(replace(ALL_OFF, max_backoff_s=60 if is_on else 0)) as both:
        tokens = len(both.world.requests(TOKEN_PATH))
        over = both.world.clock.now() + timedelta(seconds=2)

        async def has_ended_often() -> bool:
            if any(getattr(connection, "subscriptions", None) for connection in both.world.sandbox.connections):
                both.world.sandbox.add_fault(Fault("terminate", stream="account"))
            return both.world.clock.now() > over

        await eventually(has_ended_often)
        # Each of two scopes: at once twice, then after up to 1, 2, 4 … seconds.
        assert (len(both.world.requests(TOKEN_PATH)) - tokens < 30) is is_on


async def _subscribed(box: Sandbox) -> None:
    async def is_up() -> bool:
        return any(len(getattr(connection, "subscriptions", ())) == 2 for connection in box.connections)

    await eventually(is_up)
