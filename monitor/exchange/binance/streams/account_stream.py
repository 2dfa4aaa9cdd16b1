"""The account stream: one WebSocket-API connection, one listen token for cross and each watched pair."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from monitor.clock import Clock
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.events import Event
from monitor.errors import ExchangeError, ExchangeUnreachable
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations.stream_keys import create_listen_token
from monitor.exchange.binance.streams.async_waits import SubscriptionSet, run_until_first, sleep_or_event
from monitor.exchange.binance.streams.frame_decoding import (
    TERMINATED,
    EventFrame,
    ReplyFrame,
    ShutdownFrame,
    UnreadableFrame,
    build_rejected_event,
    parse_stream_event,
    parse_subscription,
    parse_subscription_ids,
    read_frame,
)
from monitor.exchange.binance.streams.poll_crosscheck import PollCrossCheck
from monitor.exchange.binance.streams.stream_requests import RequestDeclined, StreamRequests
from monitor.exchange.binance.streams.supervisor import LivenessReporter, StreamConnection
from monitor.exchange.binance.streams.websocket import ConnectionLost, WebSocket, WebSocketFactory
from monitor.exchange.binance.wire.numbers import ImplausibleValue

log = logging.getLogger(__name__)

_BAD_TOKEN = -1209

ALREADY_ACTIVE = -2035
"""Code for a scope subscribed on this connection already. Some pages say that a second one extends the first."""

NO_SUBSCRIPTION = -2036
"""Code for ending a subscription that does not exist."""

SUBSCRIPTIONS_EXHAUSTED = -2042
"""Code for a connection that has used up all its subscription numbers."""

_MAX_TOKEN_TRIES = 3
_CHECK_EVERY_S = 1.0
_SHORT_LIFE_S = 60.0
"""A subscription that ends sooner is renewed with growing delay: some end seconds after they were granted."""


@dataclass(slots=True)
class _Subscription:
    """State of one wanted scope: its subscription, and when it is due, in seconds of the clock."""

    due_at: float
    subscription_id: int | None = None
    subscribed_at: float | None = None
    failures: int = 0
    short_lives: int = 0
    problem: str = ""


class TokenRenewal:
    """Support of token renewal, as one account's connections found it: whether one takes a second token at all."""

    def __init__(self) -> None:
        self.is_supported = True


class AccountStream(StreamConnection):
    """One connection of the account stream."""

    def __init__(
        self,
        *,
        account: str,
        cross: bool,
        pairs: SubscriptionSet,
        url: str,
        websockets: WebSocketFactory,
        transport: Transport,
        clock: Clock,
        poll_crosscheck: PollCrossCheck,
        token_renewal: TokenRenewal,
        deliver: Callable[[Event], None],
    ) -> None:
        super().__init__(LivenessReporter("account", clock, deliver))
        self._account = account
        self._cross = cross
        self._pairs = pairs
        self._url = url
        self._websockets = websockets
        self._transport = transport
        self._clock = clock
        self._deliver = deliver
        self._poll_crosscheck = poll_crosscheck
        self._token_renewal = token_renewal
        self._requests = StreamRequests(f"account of {account}")
        self._scopes: dict[Scope, _Subscription] = {}
        self._scope_by_id: dict[int, Scope] = {}
        self._out_of_order: list[bytes] = []
        self._wake = asyncio.Event()
        self._report_scheduled = False

    @property
    def subscriptions(self) -> tuple[str, ...]:
        return tuple(str(scope) for scope, state in sorted(self._scopes.items()) if state.subscription_id is not None)

    @property
    def missing(self) -> str:
        return ", ".join(
            f"{scope} not subscribed: {state.problem}"
            for scope, state in sorted(self._scopes.items())
            if state.subscription_id is None
        )

    async def run(self) -> None:
        change = self._pairs.next_change()
        if not self._wanted_scopes():
            await self.idle(change)
            return
        try:
            async with self._websockets.open(self._url, self.liveness.touch) as link:
                await run_until_first(link.read(self._handle_frame), self._maintain(link), self._watch_polls())
        finally:
            for raw in self._out_of_order:
                self._reject(raw, "of an unknown subscription")

    def _wanted_scopes(self) -> frozenset[Scope]:
        pairs = frozenset(Scope(symbol) for symbol in self._pairs.wanted)
        return pairs | {CROSS} if self._cross else pairs

    async def _maintain(self, link: WebSocket) -> None:
        """Keep every wanted scope subscribed, check this from time to time, and request a replacement in time."""
        guards = self._websockets.limits
        now = self._clock.elapsed_s()
        ends_at, probe_at = now + guards.random_lifetime_s(), now + guards.probe_every_s
        while True:
            self._wake.clear()
            change = self._pairs.next_change()
            before = (self.subscriptions, self.missing)
            wanted = self._wanted_scopes()
            for scope in [scope for scope in self._scopes if scope not in wanted]:
                await self._unsubscribe(link, scope)
            for scope in sorted(wanted)[: None if guards.subscribes_each_scope else 1]:
                state = self._scopes.setdefault(scope, _Subscription(due_at=self._clock.elapsed_s()))
                if state.due_at <= self._clock.elapsed_s():
                    await self._subscribe(link, scope, state)
            self._update_ready(before)
            now = self._clock.elapsed_s()
            if now >= probe_at:
                await self._check_subscriptions(link)
                probe_at = now + guards.probe_every_s
            if now >= ends_at:
                self.replace_soon.set()
                ends_at = now + guards.random_lifetime_s()
            due = min([probe_at, ends_at, *(state.due_at for state in self._scopes.values())])
            await sleep_or_event(self._clock, due - now, change, self._wake)

    async def _watch_polls(self) -> None:
        """Raise ConnectionLost once polls prove that the stream does not report what happens."""
        while True:
            await asyncio.sleep(_CHECK_EVERY_S)
            # Only for the active connection: a replaced one may well receive less.
            if self.on_change is not None and (why := self._poll_crosscheck.complaint()):
                raise ConnectionLost(why)

    def _update_ready(self, before: tuple[tuple[str, ...], str]) -> None:
        if not self.ready.is_set():
            if self._scopes and not self.subscriptions:
                raise ConnectionLost(self.missing)
            self.ready.set()
        elif before != (self.subscriptions, self.missing) and self.on_change is not None:
            self.on_change()

    async def _subscribe(self, link: WebSocket, scope: Scope, subscription: _Subscription) -> None:
        """Subscribe, or renew: the same request with a fresh token, where the exchange extends the subscription.

        Where it does not, the next connection takes over before the token ends, and nothing is tried again on this one.
        """
        if subscription.subscription_id is not None and not self._token_renewal.is_supported:
            self._request_replacement(scope, subscription)
            return
        try:
            expires_at = await self._subscribe_once(link, scope)
        except (ExchangeError, RequestDeclined, ImplausibleValue) as error:
            if isinstance(error, RequestDeclined) and error.code in (ALREADY_ACTIVE, SUBSCRIPTIONS_EXHAUSTED):
                if error.code == ALREADY_ACTIVE and subscription.subscription_id is not None:
                    self._token_renewal.is_supported = False
                subscription.problem = "" if subscription.subscription_id is not None else _short_cause(error)
                self._request_replacement(scope, subscription)
                return
            subscription.failures += 1
            subscription.problem = _short_cause(error)
            if isinstance(error, ExchangeUnreachable) and not self.subscriptions:
                # The other scopes would fail too, each after its own back-off.
                raise ConnectionLost(subscription.problem) from None
            subscription.due_at = self._clock.elapsed_s() + self._websockets.limits.backoff_s(subscription.failures)
            log.warning(
                "stream.not_subscribed account=%s scope=%s cause=%r", self._account, scope, subscription.problem
            )
            return
        subscription.failures, subscription.problem = 0, ""
        left_s = (expires_at - self._clock.now()).total_seconds()
        subscription.due_at = self._clock.elapsed_s() + max(left_s * self._websockets.limits.renew_at, 1.0)

    def _request_replacement(self, scope: Scope, subscription: _Subscription) -> None:
        """Let the next connection take over; this one is of no more use to the scope than it is now."""
        subscription.due_at = math.inf
        log.info("stream.moves_over account=%s scope=%s", self._account, scope)
        self.replace_soon.set()

    async def _subscribe_once(self, link: WebSocket, scope: Scope) -> datetime:
        for _ in range(_MAX_TOKEN_TRIES):
            token = await create_listen_token(self._transport, scope)
            try:
                result = await self._requests.send(
                    link,
                    "userDataStream.subscribe.listenToken",
                    {"listenToken": token.text},
                    lambda result: self._note_subscription(scope, result),
                )
            except RequestDeclined as refusal:
                if refusal.code != _BAD_TOKEN:
                    raise
                continue
            return parse_subscription(result)[1] or token.expires_at
        raise RequestDeclined(_BAD_TOKEN)

    async def _unsubscribe(self, link: WebSocket, scope: Scope) -> None:
        state = self._scopes.pop(scope)
        if not self.is_leaving:
            self._poll_crosscheck.stop_watching(scope)
        if state.subscription_id is None:
            return
        try:
            await self._requests.send(link, "userDataStream.unsubscribe", {"subscriptionId": state.subscription_id})
        except RequestDeclined as refusal:
            if refusal.code != NO_SUBSCRIPTION:
                log.warning("stream.not_unsubscribed account=%s scope=%s", self._account, scope)

    async def _check_subscriptions(self, link: WebSocket) -> None:
        """Resubscribe scopes that the exchange no longer holds: a subscription is lost without notice."""
        try:
            held = parse_subscription_ids(await self._requests.send(link, "session.subscriptions", {}))
        except (RequestDeclined, ImplausibleValue):
            log.warning("stream.not_probed account=%s", self._account)
            return
        for scope, state in self._scopes.items():
            if state.subscription_id is not None and state.subscription_id not in held:
                self._mark_lost(scope, state, "gone without notice")

    def _handle_frame(self, raw: bytes) -> None:
        match read_frame(raw):
            case EventFrame(subscription, event):
                self._handle_event(subscription, event, raw)
            case ReplyFrame() as reply:
                self._requests.handle_reply(reply)
                early, self._out_of_order = self._out_of_order, []
                for waiting in early:
                    self._handle_frame(waiting)
            case ShutdownFrame():
                self.replace_soon.set()
            case UnreadableFrame(reason):
                self._reject(raw, reason)

    def _handle_event(self, subscription: int | None, event: bytes, raw: bytes) -> None:
        scope = self._scope_by_id.get(subscription) if subscription is not None else None
        if scope is None:
            if subscription is not None and self._requests.is_subscribing:
                # The event may have overtaken the reply that names its scope.
                self._out_of_order.append(raw)
                return
            self._reject(raw, "of an unknown subscription")
            return
        event_record = parse_stream_event(self._account, "account", scope, event, self._clock.now())
        self._deliver(event_record)
        self._poll_crosscheck.note_event(scope)
        state = self._scopes.get(scope)
        # The id keeps its scope: events sent before the end may arrive after it.
        if event_record.type == TERMINATED and state is not None and state.subscription_id == subscription:
            self._mark_lost(scope, state, "terminated by the exchange")

    def _note_subscription(self, scope: Scope, result: bytes) -> None:
        # A renewal may give the old id or a new one; an old id keeps its scope.
        try:
            subscription, _ = parse_subscription(result)
        except ImplausibleValue:
            return
        self._scope_by_id[subscription] = scope
        if (state := self._scopes.get(scope)) is not None:
            if state.subscription_id is None:
                state.subscribed_at = self._clock.elapsed_s()
                if not self.is_leaving:
                    self._poll_crosscheck.start_watching(scope)
            state.subscription_id = subscription

    def _mark_lost(self, scope: Scope, subscription: _Subscription, problem: str) -> None:
        now = self._clock.elapsed_s()
        lived_long = subscription.subscribed_at is None or now - subscription.subscribed_at > _SHORT_LIFE_S
        subscription.short_lives = 0 if lived_long else subscription.short_lives + 1
        rest_s = self._websockets.limits.backoff_s(subscription.short_lives - 1) if subscription.short_lives > 1 else 0
        subscription.subscription_id, subscription.problem, subscription.due_at = None, problem, now + rest_s
        if not self.is_leaving:
            self._poll_crosscheck.stop_watching(scope)
        if not self._report_scheduled:
            # The exchange ends subscriptions one by one, but that is one change.
            self._report_scheduled = True
            asyncio.get_running_loop().call_soon(self._report_change)
        self._wake.set()

    def _report_change(self) -> None:
        self._report_scheduled = False
        if self.on_change is not None:
            self.on_change()

    def _reject(self, raw: bytes, reason: str) -> None:
        log.warning("stream.rejected account=%s stream=account reason=%r bytes=%d", self._account, reason, len(raw))
        self._deliver(build_rejected_event(self._account, "account", CROSS, raw, reason, self._clock.now()))


def _short_cause(error: ExchangeError | RequestDeclined | ImplausibleValue) -> str:
    if not isinstance(error, ExchangeError):
        return str(error)
    return error.code if error.venue_code is None else f"{error.code} {error.venue_code}"
