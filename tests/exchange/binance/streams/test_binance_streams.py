"""The streams against the sandbox: every event arrives once and in order, and every gap is reported."""

import asyncio
import contextlib
import functools
import hashlib
import itertools
import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.events import PricesRead, StreamAlive, StreamEvent
from monitor.core.model.stream_payloads import BalancesChanged, LiabilityChanged
from monitor.exchange.binance.binance_account import BinanceAccount
from monitor.exchange.binance.streams.stream_limits import StreamLimits
from monitor.exchange.binance.streams.websocket import WebSocketFactory
from monitor.sandbox.event_feed import SentEvent
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiInterpretations, RequestLimits, Scenario
from tests.support.connected_sandbox import ConnectedSandbox, EventInbox, connected_sandbox

D = Decimal
HOUR = 3600.0
DAY_MS = 86_400_000
REST_S = 0.008
"""Machine seconds."""
TOKEN_PATH = "/sapi/v1/userListenToken"
KEY_PATH = "/sapi/v1/margin/listen-key"


@dataclass(frozen=True, slots=True)
class ListeningAccount:
    """A connected sandbox whose streams run."""

    world: ConnectedSandbox
    inbox: EventInbox

    def move(self, amount: str = "1", place: str = "cross") -> None:
        """Make a balance change that the account stream reports."""
        self.world.sandbox.user_actions.deposit("main", "USDT", D(amount), place)

    def drop_connection(self, stream: str) -> None:
        """Cut the connections of a stream."""
        self.world.sandbox.add_fault(Fault(what="drop", stream=stream))

    @property
    def sent(self) -> list[SentEvent]:
        """Events that the exchange sent and no fault suppressed."""
        return [event for event in self.world.sandbox.sent_events if not event.swallowed]

    async def connected(self) -> None:
        """Wait until every stream is connected, with cross and the pair."""
        await self.inbox.wait_until(
            lambda: (
                self.inbox.is_connected_with("account", "BTCUSDT", "cross")
                and self.inbox.is_connected_with("risk", "cross")
                and self.inbox.is_connected_with("market", "BTCUSDT", "ETHUSDT")
            )
        )

    async def announced(self, stream: str, count: int) -> None:
        """Wait until a stream was reported so many times."""
        await self.inbox.wait_until(lambda: len(self.inbox.changes(stream)) >= count)

    async def wait_until_all_arrived(self) -> None:
        """Wait until every event that was sent has arrived."""
        await self.inbox.wait_until(lambda: {key_of(event) for event in self.sent} <= set(keys(self.inbox)))

    async def rest(self) -> None:
        """Leave the processor to others for a moment between two changes that go on for days."""
        await self.world.clock.sleep(REST_S * self.world.clock.speed)


def key_of(event: SentEvent) -> str:
    """Return the key as it is defined: account, scope and the canonical event, hashed."""
    return _key(event.symbol or "cross", event.text)


@functools.cache
def _key(scope: str, text: str) -> str:
    canonical = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"main\n{scope}\n{canonical}".encode()).hexdigest()


def keys(inbox: EventInbox) -> list[str]:
    return [event.key for event in inbox.events if isinstance(event, StreamEvent)]


@contextlib.asynccontextmanager
async def running(
    account: BinanceAccount,
    inbox: EventInbox,
    pairs: Sequence[str] = ("BTCUSDT",),
    prices: Sequence[str] = ("BTCUSDT", "ETHUSDT"),
) -> AsyncIterator[Any]:
    streams = account.create_streams(inbox)
    streams.watch_pairs(pairs)
    streams.watch_prices(prices)
    task = asyncio.create_task(streams.run())
    try:
        yield streams
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def listening_account(
    scenario: Scenario | None = None, *, speed: float = 1.0, **settings: Any
) -> AsyncIterator[ListeningAccount]:
    inbox = EventInbox()
    async with connected_sandbox(scenario, speed=speed, **settings) as w, running(w.account, inbox):
        both = ListeningAccount(w, inbox)
        await both.connected()
        yield both


async def test_every_event_arrives_once_in_order_with_its_scope() -> None:
    async with listening_account() as both:
        for number in range(1, 51):
            both.move(str(number), "BTCUSDT" if number % 3 == 0 else "cross")
        both.world.sandbox.user_actions.repay("main", "USDT", D(10))
        await both.wait_until_all_arrived()
        account = both.inbox.stream_events("account")
        sent = [event for event in both.sent if event.stream == "account"]
    assert [event.key for event in account] == [key_of(event) for event in sent]
    assert [event.payload for event in account] == [event.text for event in sent]
    assert [str(event.scope) for event in account] == [event.symbol or "cross" for event in sent]
    assert len(set(keys(both.inbox))) == len(keys(both.inbox))


async def test_position_event_holds_the_balances_of_the_ledger() -> None:
    async with listening_account() as both:
        both.move("123.5")
        await both.wait_until_all_arrived()
        told = [event for event in both.inbox.stream_events() if isinstance(event.parsed, BalancesChanged)][-1]
        held = both.world.ledger["cross"]["balances"]["USDT"]
    assert isinstance(told.parsed, BalancesChanged)
    assert told.parsed.amounts["USDT"] == (D(held["free"]), D(held["locked"]))


async def test_liability_change_comes_on_the_risk_stream() -> None:
    async with listening_account() as both:
        both.world.sandbox.user_actions.borrow("main", "USDT", D(10))
        await both.wait_until_all_arrived()
        told = both.inbox.stream_events("risk")
    (event,) = told
    assert (event.type, event.scope) == ("USER_LIABILITY_CHANGE", CROSS)
    assert isinstance(event.parsed, LiabilityChanged)
    assert (event.parsed.asset, event.parsed.kind) == ("USDT", "BORROW")


async def test_prices_follow_the_market() -> None:
    async with listening_account() as both:
        both.world.sandbox.user_actions.set_price("BTCUSDT", D("54321.5"))

        def seen() -> bool:
            return any(
                isinstance(event, PricesRead)
                and "BTCUSDT" in event.prices
                and event.prices["BTCUSDT"].value == D("54321.5")
                for event in both.inbox.events
            )

        await both.inbox.wait_until(seen)


async def test_lost_connection_is_announced_and_restored_with_all_its_subscriptions() -> None:
    async with listening_account() as both:
        for stream in ("account", "risk", "market"):
            before = len(both.inbox.changes(stream))
            both.drop_connection(stream)
            await both.announced(stream, before + 2)
            lost, restored = both.inbox.changes(stream)[before : before + 2]
            assert (lost.connected, lost.subscriptions, lost.reason) == (False, (), "cut")
            assert restored.connected
            assert restored.subscriptions == both.inbox.changes(stream)[before - 1].subscriptions
        both.move()
        await both.wait_until_all_arrived()


async def test_refused_connections_are_retried_until_one_opens() -> None:
    async with listening_account(speed=20) as both:
        both.world.sandbox.add_fault(Fault(what="refuse", stream="account", seconds=10))
        both.drop_connection("account")
        await both.inbox.wait_until(lambda: not both.inbox.changes("account")[-1].connected)
        await both.inbox.wait_until(lambda: both.inbox.is_connected_with("account", "BTCUSDT", "cross"))
        assert len(both.inbox.changes("account")) == 3


async def test_missing_exchange_at_the_start_is_announced_once() -> None:
    inbox = EventInbox()
    refuse = [
        Fault(what="refuse", stream="risk", seconds=30),
        Fault(what="status", path=TOKEN_PATH, status=500, count=6),
    ]
    async with connected_sandbox(speed=20, faults=refuse) as w, running(w.account, inbox):
        await inbox.wait_until(
            lambda: inbox.is_connected_with("risk", "cross") and inbox.is_connected_with("account", "BTCUSDT", "cross")
        )
    assert [change.connected for change in inbox.changes("risk")] == [False, True]
    assert next(change.connected for change in inbox.changes("account")) is False


async def test_pair_that_appears_later_is_subscribed_and_one_that_goes_is_dropped() -> None:
    inbox = EventInbox()
    async with connected_sandbox() as w, running(w.account, inbox, pairs=()) as streams:
        await inbox.wait_until(lambda: inbox.is_connected_with("account", "cross"))
        streams.watch_pairs(["BTCUSDT"])
        await inbox.wait_until(lambda: inbox.is_connected_with("account", "BTCUSDT", "cross"))
        both = ListeningAccount(w, inbox)
        both.move("5", "BTCUSDT")
        await both.wait_until_all_arrived()
        assert inbox.stream_events()[-1].scope == Scope("BTCUSDT")
        streams.watch_pairs([])
        await inbox.wait_until(lambda: inbox.is_connected_with("account", "cross"))


async def test_pair_that_cannot_be_subscribed_leaves_the_others_and_is_announced() -> None:
    inbox = EventInbox()
    async with connected_sandbox() as w, running(w.account, inbox, pairs=("NOSUCHUSDT",)):
        await inbox.wait_until(lambda: inbox.changes("account"))
        change = inbox.changes("account")[0]
        ListeningAccount(w, inbox).move()
        await ListeningAccount(w, inbox).wait_until_all_arrived()
    assert (change.connected, change.subscriptions) == (False, ("cross",))
    assert "NOSUCHUSDT not subscribed" in change.reason


async def test_wanted_prices_change_without_a_new_connection() -> None:
    async with connected_sandbox() as w:
        inbox = EventInbox()
        async with running(w.account, inbox, prices=()) as streams:
            await inbox.wait_until(lambda: inbox.is_connected_with("market"))
            streams.watch_prices(["BTCUSDT"])
            await inbox.wait_until(lambda: inbox.is_connected_with("market", "BTCUSDT"))
            streams.watch_prices(["ETHUSDT", "SOLUSDT"])
            await inbox.wait_until(lambda: inbox.is_connected_with("market", "ETHUSDT", "SOLUSDT"))
            seen: set[str] = set()

            def both_seen() -> bool:
                for event in inbox.events:
                    if isinstance(event, PricesRead):
                        seen.update(event.prices)
                return {"ETHUSDT", "SOLUSDT"} <= seen

            await inbox.wait_until(both_seen)
            assert [change.connected for change in inbox.changes("market")] == [True, False, True, True]


async def test_frequent_subscription_changes_stay_below_five_messages_a_second() -> None:
    # The sandbox ends a connection that sends six in a second, as the exchange does.
    async with connected_sandbox() as w:
        inbox = EventInbox()
        async with running(w.account, inbox) as streams:
            await inbox.wait_until(lambda: inbox.is_connected_with("market", "BTCUSDT", "ETHUSDT"))
            for turn in range(60):
                streams.watch_prices(["BTCUSDT", "ETHUSDT" if turn % 2 else "SOLUSDT"])
                await asyncio.sleep(0.03)
            await inbox.wait_until(lambda: inbox.is_connected_with("market", "BTCUSDT", "ETHUSDT"))
            assert all(change.connected for change in inbox.changes("market"))


@pytest.mark.parametrize("unit", ["us", "ms"])
@pytest.mark.parametrize("reading", ["same", "new"])
async def test_token_is_renewed_at_half_its_life_and_nothing_is_lost(reading: Any, unit: Any) -> None:
    readings = ApiInterpretations(renewed_subscription_id=reading, token_expiration_unit=unit)
    scenario = replace(calm_scenario(), readings=readings)
    async with listening_account(scenario, speed=20_000) as both:
        tokens = len(both.world.requests(TOKEN_PATH))
        assert tokens == 2
        while len(both.world.requests(TOKEN_PATH)) < tokens + 2:
            both.move()
            await both.wait_until_all_arrived()
            await both.rest()
        # A moment read in the wrong unit lies ages away: it would be renewed all the time, or never.
        asked = [request.at for request in both.world.requests(TOKEN_PATH)]
        assert min(abs(later - asked[0] - DAY_MS / 2) for later in asked[tokens:]) < DAY_MS / 10
        both.move("7", "BTCUSDT")
        await both.wait_until_all_arrived()
        assert not any(event.type == "eventStreamTerminated" for event in both.inbox.stream_events())


SOONER = StreamLimits(renew_at=0.1, overlap_s=0.1)
"""Limits with early renewal, so that a busy machine has time for it; replaced connections are closed soon."""


async def test_ineffective_token_is_not_retried_and_a_new_connection_takes_over() -> None:
    scenario = replace(calm_scenario(), readings=ApiInterpretations(token_renewal="refused"))
    async with listening_account(scenario, speed=5000, websockets=WebSocketFactory(limits=SOONER)) as both:
        tokens = len(both.world.requests(TOKEN_PATH))
        while len(both.inbox.changes("account")) < 3:
            both.move()
            both.move("3", "BTCUSDT")
            await both.wait_until_all_arrived()
            await both.rest()
        # Two scopes changed connections twice, and the first renewal showed that it is refused.
        assert tokens + 5 <= len(both.world.requests(TOKEN_PATH)) <= tokens + 7
        assert all(change.connected for change in both.inbox.changes("account"))


async def test_connection_out_of_subscription_ids_is_replaced() -> None:
    scenario = replace(
        calm_scenario(),
        readings=ApiInterpretations(renewed_subscription_id="new"),
        limits=RequestLimits(subscription_numbers=3),
    )
    async with listening_account(scenario, speed=5000, websockets=WebSocketFactory(limits=SOONER)) as both:
        while len(both.inbox.changes("account")) < 2:
            both.move()
            both.move("3", "BTCUSDT")
            await both.wait_until_all_arrived()
            await both.rest()
        assert all(change.connected for change in both.inbox.changes("account"))


async def test_unknown_subscription_at_the_exchange_forces_a_new_connection() -> None:
    scenario = replace(calm_scenario(), readings=ApiInterpretations(token_renewal="refused"))
    async with listening_account(scenario) as both:
        before = len(both.world.requests(TOKEN_PATH))
        both.world.sandbox.add_fault(Fault(what="feign", stream="account"))
        await both.inbox.wait_until(lambda: any(not change.connected for change in both.inbox.changes("account")))
        await both.inbox.wait_until(lambda: both.inbox.is_connected_with("account", "BTCUSDT", "cross"))
        both.move()
        await both.wait_until_all_arrived()
        assert len(both.world.requests(TOKEN_PATH)) <= before + 4


async def test_connection_is_replaced_before_it_is_too_old_without_a_gap() -> None:
    inbox = EventInbox()
    async with (
        connected_sandbox(
            speed=60, websockets=WebSocketFactory(limits=StreamLimits(lifetime_s=60, overlap_s=0.5))
        ) as w,
        running(w.account, inbox),
    ):
        both = ListeningAccount(w, inbox)
        await both.connected()
        for stream in ("account", "risk", "market"):
            while len(inbox.changes(stream)) < 3:
                both.move()
                await both.wait_until_all_arrived()
                await inbox.wait_for_next()
        assert all(change.connected for stream in ("account", "risk", "market") for change in inbox.changes(stream))
        assert set(keys(inbox)) == {key_of(event) for event in both.sent}


@pytest.mark.parametrize("what", ["terminate", "expire"])
async def test_terminated_subscriptions_are_announced_and_made_again(what: str) -> None:
    async with listening_account() as both:
        both.world.sandbox.add_fault(Fault(what=what, stream="account"))
        await both.inbox.wait_until(lambda: any(not change.connected for change in both.inbox.changes("account")))
        await both.inbox.wait_until(lambda: both.inbox.is_connected_with("account", "BTCUSDT", "cross"))
        both.move()
        both.move("2", "BTCUSDT")
        await both.wait_until_all_arrived()
        ended = [event for event in both.inbox.stream_events() if event.type == "eventStreamTerminated"]
        assert {str(event.scope) for event in ended} == {"cross", "BTCUSDT"}


async def test_refused_token_is_not_tried_again_but_replaced() -> None:
    async with listening_account() as both:
        tokens = len(both.world.requests(TOKEN_PATH))
        both.world.sandbox.add_fault(Fault(what="spurn", stream="account", count=2))
        both.world.sandbox.add_fault(Fault(what="terminate", stream="account"))
        await both.inbox.wait_until(lambda: any(not change.connected for change in both.inbox.changes("account")))
        await both.inbox.wait_until(lambda: both.inbox.is_connected_with("account", "BTCUSDT", "cross"))
        # One for each of the two scopes, and one for each of the two that were refused.
        assert len(both.world.requests(TOKEN_PATH)) == tokens + 4
        both.move()
        await both.wait_until_all_arrived()


async def test_subscription_that_vanished_silently_is_found_by_asking() -> None:
    async with listening_account(speed=100) as both:
        connection: Any = both.world.sandbox._stream_server.connections
        for link in connection:
            if link.stream == "account":
                link.subscriptions.clear()
        await both.inbox.wait_until(lambda: any(not change.connected for change in both.inbox.changes("account")))
        await both.inbox.wait_until(lambda: both.inbox.is_connected_with("account", "BTCUSDT", "cross"))
        assert "gone without notice" in next(c for c in both.inbox.changes("account") if not c.connected).reason


async def test_expired_listen_key_means_a_new_key_and_a_new_socket() -> None:
    async with listening_account() as both:
        both.world.sandbox.add_fault(Fault(what="expire", stream="risk"))
        await both.inbox.wait_until(lambda: len(both.inbox.changes("risk")) >= 3)
        assert both.inbox.changes("risk")[1].reason == "the listen key expired"
        assert both.inbox.is_connected_with("risk", "cross")
        both.world.sandbox.user_actions.borrow("main", "USDT", D(10))
        await both.wait_until_all_arrived()
        assert [event.type for event in both.inbox.stream_events("risk")] == [
            "listenKeyExpired",
            "USER_LIABILITY_CHANGE",
        ]
        assert "…" in both.inbox.stream_events("risk")[0].payload


async def test_listen_key_is_extended_in_time_and_never_deleted() -> None:
    async with listening_account(speed=5_000) as both:
        while len(both.world.requests(KEY_PATH, "PUT")) < 3:
            await both.inbox.wait_for_next()
        assert all(change.connected for change in both.inbox.changes("risk"))
    assert not both.world.requests(KEY_PATH, "DELETE")


async def test_listen_key_refused_at_its_extension_is_replaced() -> None:
    refuse = Fault(what="status", method="PUT", path=KEY_PATH, status=400, code=-1125)
    async with listening_account(speed=5_000, faults=[refuse]) as both:
        await both.inbox.wait_until(lambda: len(both.inbox.changes("risk")) >= 3)
        assert both.inbox.changes("risk")[1].reason == "the listen key is gone (code -1125)"
        assert both.inbox.changes("risk")[2].connected


@pytest.mark.parametrize("stream", ["account", "risk", "market"])
async def test_shutdown_notice_opens_the_next_connection_first(stream: str) -> None:
    async with listening_account() as both:
        before = len(both.inbox.changes(stream))
        both.world.sandbox.add_fault(Fault(what="shutdown", stream=stream))
        await both.inbox.wait_until(
            lambda: len(both.inbox.changes(stream)) > before and both.inbox.changes(stream)[-1].connected
        )
        both.move()
        await both.wait_until_all_arrived()


async def test_half_open_connection_is_detected_by_its_silence() -> None:
    inbox = EventInbox()
    async with (
        connected_sandbox(websockets=WebSocketFactory(limits=StreamLimits(silence_s=0.5))) as w,
        running(w.account, inbox),
    ):
        both = ListeningAccount(w, inbox)
        await both.connected()
        w.sandbox.add_fault(Fault(what="half_open", stream="market", seconds=1))
        await inbox.wait_until(lambda: any(not change.connected for change in inbox.changes("market")))
        assert "silent for 0.5 s" in [change.reason for change in inbox.changes("market")]
        await inbox.wait_until(lambda: inbox.changes("market")[-1].connected)


async def test_malformed_frame_is_recorded_and_harms_nothing() -> None:
    async with listening_account() as both:
        both.world.sandbox.add_fault(Fault(what="malform", stream="account", count=1))
        both.move()
        both.move()
        await both.wait_until_all_arrived()
        rejected = [event for event in both.inbox.stream_events() if event.type == "rejected"]
        assert len(rejected) == 1
        assert rejected[0].rejected
        assert rejected[0].anomaly == "rejected"
        assert all(change.connected for change in both.inbox.changes("account"))


@pytest.mark.parametrize(("what", "oddity"), [("duplicate", "repeated"), ("reorder", "late")])
async def test_duplicates_and_disorder_keep_their_keys_and_are_marked(what: str, oddity: str) -> None:
    async with listening_account() as both:
        both.world.sandbox.add_fault(Fault(what=what, stream="account", count=4))
        for _ in range(6):
            both.move()
        await both.wait_until_all_arrived()
        assert set(keys(both.inbox)) == {key_of(event) for event in both.sent}
        odd = [event.anomaly for event in both.inbox.stream_events() if event.anomaly]
    # Of four frames each comes twice, or the second of two comes first.
    assert odd == [oddity] * (4 if what == "duplicate" else 2)


async def test_unknown_event_type_is_recorded() -> None:
    async with listening_account() as both:
        now = int(both.world.clock.now().timestamp() * 1000)
        both.world.sandbox.venue.feed.emit("main", None, "account", "somethingNew", {"x": {"y": [1, "2"]}}, now)
        await both.wait_until_all_arrived()
        told = both.inbox.stream_events()[-1]
    assert (told.type, told.parsed, told.rejected, told.anomaly) == ("somethingNew", None, None, "unknown")


async def test_flood_arrives_whole() -> None:
    async with listening_account() as both:
        both.world.sandbox.add_fault(Fault(what="flood", stream="account", count=3000))
        await both.wait_until_all_arrived()
        assert len(both.inbox.stream_events("account")) == 3000


async def test_liveness_is_reported_at_most_once_a_second() -> None:
    async with listening_account() as both:
        both.world.sandbox.add_fault(Fault(what="flood", stream="account", count=200))
        await both.wait_until_all_arrived()
        beats = [
            event.at for event in both.inbox.events if isinstance(event, StreamAlive) and event.stream == "account"
        ]
    assert beats
    assert all((later - earlier).total_seconds() >= 1 for earlier, later in itertools.pairwise(beats))


async def test_account_without_cross_has_no_risk_stream() -> None:
    inbox = EventInbox()
    async with connected_sandbox(cross=False) as w, running(w.account, inbox):
        await inbox.wait_until(lambda: inbox.is_connected_with("account", "BTCUSDT") and inbox.changes("market"))
        assert not inbox.changes("risk")
        assert not w.requests(KEY_PATH)


async def test_no_log_line_holds_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening_account() as both:
        key = both.world.ready.accounts[0]
        both.drop_connection("risk")
        both.drop_connection("account")
        await both.inbox.wait_until(lambda: len(both.inbox.changes("risk")) >= 3)
        await both.connected()
        await both.world.account.read_cross()
        stream_server: Any = both.world.sandbox._stream_server
        secrets = [key["api_key"], key["api_secret"], *stream_server.tokens._tokens, *stream_server.tokens._keys]
    assert len(secrets) > 5
    lines = "\n".join(record.getMessage() for record in caplog.records)
    assert not [secret for secret in secrets if secret in lines]
    assert "signature=" not in lines
    assert "stream.changed account=main stream=risk connected=False" in lines
