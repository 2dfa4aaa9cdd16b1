"""The account stream: one WebSocket-API connection carries cross and every watched pair, one listenToken each."""

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
from monitor.exchange.binance.streams.async_waits import Wanted, first_end, sleep_or
from monitor.exchange.binance.streams.decode import (
    TERMINATED,
    Delivery,
    Reply,
    Shutdown,
    Unreadable,
    read_frame,
    rejected_event,
    stream_event,
    subscribed,
    subscription_ids,
)
from monitor.exchange.binance.streams.poll_crosscheck import Witness
from monitor.exchange.binance.streams.requests import Declined, Requests
from monitor.exchange.binance.streams.supervisor import Line, Pulse
from monitor.exchange.binance.streams.websocket import Link, LinkLost, Sockets
from monitor.exchange.binance.wire.numbers import Implausible

log = logging.getLogger(__name__)

_BAD_TOKEN = -1209

ALREADY_ACTIVE = -2035
"""The account has a subscription on this connection already. Some pages say that a second one extends the first."""

NO_SUBSCRIPTION = -2036
"""What was to be ended is not there."""

NO_MORE_NUMBERS = -2042
"""The connection has given out all the subscription numbers of its life."""

_TOKENS_IN_A_ROW = 3
_LISTEN_EVERY_S = 1.0
_SHORT_LIFE_S = 60.0
"""A subscription that ends sooner is made again with growing patience: some end seconds after they were granted."""


@dataclass(slots=True)
class _Care:
    """What is known of one wanted scope: its subscription, and when to see to it again, in seconds of the clock."""

    due: float
    subscription: int | None = None
    since: float | None = None
    failures: int = 0
    short_lives: int = 0
    trouble: str = ""


class Renewal:
    """What the lines of one account have learnt of renewing: whether a connection takes a second token at all."""

    def __init__(self) -> None:
        self.extends = True


class AccountLine(Line):
    """One connection of the account stream."""

    def __init__(
        self,
        *,
        account: str,
        cross: bool,
        pairs: Wanted,
        url: str,
        sockets: Sockets,
        transport: Transport,
        clock: Clock,
        witness: Witness,
        renewal: Renewal,
        deliver: Callable[[Event], None],
    ) -> None:
        super().__init__(Pulse("account", clock, deliver))
        self._account = account
        self._cross = cross
        self._pairs = pairs
        self._url = url
        self._sockets = sockets
        self._transport = transport
        self._clock = clock
        self._deliver = deliver
        self._witness = witness
        self._renewal = renewal
        self._requests = Requests(f"account of {account}")
        self._care: dict[Scope, _Care] = {}
        self._scope_of: dict[int, Scope] = {}
        self._early: list[bytes] = []
        self._attention = asyncio.Event()
        self._tells_soon = False

    @property
    def subscriptions(self) -> tuple[str, ...]:
        return tuple(str(scope) for scope, care in sorted(self._care.items()) if care.subscription is not None)

    @property
    def missing(self) -> str:
        return ", ".join(
            f"{scope} not subscribed: {care.trouble}"
            for scope, care in sorted(self._care.items())
            if care.subscription is None
        )

    async def run(self) -> None:
        change = self._pairs.next_change()
        if not self._wanted():
            await self.idle(change)
            return
        try:
            async with self._sockets.open(self._url, self.pulse.beat) as link:
                await first_end(link.read(self._take), self._tend(link), self._listen())
        finally:
            for raw in self._early:
                self._reject(raw, "of an unknown subscription")

    def _wanted(self) -> frozenset[Scope]:
        pairs = frozenset(Scope(symbol) for symbol in self._pairs.now)
        return pairs | {CROSS} if self._cross else pairs

    async def _tend(self, link: Link) -> None:
        """Keep every wanted scope subscribed, ask now and then whether it is, and know when to retire."""
        guards = self._sockets.guards
        now = self._clock.elapsed_s()
        ends_at, probe_at = now + guards.lifespan_s(), now + guards.probe_every_s
        while True:
            self._attention.clear()
            change = self._pairs.next_change()
            before = (self.subscriptions, self.missing)
            wanted = self._wanted()
            for scope in [scope for scope in self._care if scope not in wanted]:
                await self._unsubscribe(link, scope)
            for scope in sorted(wanted)[: None if guards.own_subscriptions else 1]:
                care = self._care.setdefault(scope, _Care(due=self._clock.elapsed_s()))
                if care.due <= self._clock.elapsed_s():
                    await self._subscribe(link, scope, care)
            self._settle(before)
            now = self._clock.elapsed_s()
            if now >= probe_at:
                await self._probe(link)
                probe_at = now + guards.probe_every_s
            if now >= ends_at:
                self.retire.set()
                ends_at = now + guards.lifespan_s()
            due = min([probe_at, ends_at, *(care.due for care in self._care.values())])
            await sleep_or(self._clock, due - now, change, self._attention)

    async def _listen(self) -> None:
        """Raises LinkLost once polls prove that the stream does not tell what happens."""
        while True:
            await asyncio.sleep(_LISTEN_EVERY_S)
            # Of the line that serves alone: one that was replaced may well hear less.
            if self.changed is not None and (why := self._witness.verdict()):
                raise LinkLost(why)

    def _settle(self, before: tuple[tuple[str, ...], str]) -> None:
        if not self.ready.is_set():
            if self._care and not self.subscriptions:
                raise LinkLost(self.missing)
            self.ready.set()
        elif before != (self.subscriptions, self.missing) and self.changed is not None:
            self.changed()

    async def _subscribe(self, link: Link, scope: Scope, care: _Care) -> None:
        """Subscribe, or renew: the same request with a fresh token, where the exchange extends what there is.

        Where it does not, the next connection takes over before the token ends, and nothing is tried again on this one.
        """
        if care.subscription is not None and not self._renewal.extends:
            self._move_over(scope, care)
            return
        try:
            expires_at = await self._subscribe_once(link, scope)
        except (ExchangeError, Declined, Implausible) as error:
            if isinstance(error, Declined) and error.code in (ALREADY_ACTIVE, NO_MORE_NUMBERS):
                if error.code == ALREADY_ACTIVE and care.subscription is not None:
                    self._renewal.extends = False
                care.trouble = "" if care.subscription is not None else _brief(error)
                self._move_over(scope, care)
                return
            care.failures += 1
            care.trouble = _brief(error)
            if isinstance(error, ExchangeUnreachable) and not self.subscriptions:
                # The other scopes would fare no better, each after its own patience.
                raise LinkLost(care.trouble) from None
            care.due = self._clock.elapsed_s() + self._sockets.guards.rest_s(care.failures)
            log.warning("stream.not_subscribed account=%s scope=%s cause=%r", self._account, scope, care.trouble)
            return
        care.failures, care.trouble = 0, ""
        left_s = (expires_at - self._clock.now()).total_seconds()
        care.due = self._clock.elapsed_s() + max(left_s * self._sockets.guards.renew_at, 1.0)

    def _move_over(self, scope: Scope, care: _Care) -> None:
        """Let the next connection serve; this one is of no more use to the scope than it is now."""
        care.due = math.inf
        log.info("stream.moves_over account=%s scope=%s", self._account, scope)
        self.retire.set()

    async def _subscribe_once(self, link: Link, scope: Scope) -> datetime:
        for _ in range(_TOKENS_IN_A_ROW):
            token = await create_listen_token(self._transport, scope)
            try:
                result = await self._requests.ask(
                    link,
                    "userDataStream.subscribe.listenToken",
                    {"listenToken": token.text},
                    lambda result: self._note_subscription(scope, result),
                )
            except Declined as refusal:
                if refusal.code != _BAD_TOKEN:
                    raise
                continue
            return subscribed(result)[1] or token.expires_at
        raise Declined(_BAD_TOKEN)

    async def _unsubscribe(self, link: Link, scope: Scope) -> None:
        care = self._care.pop(scope)
        if not self.is_leaving:
            self._witness.lost(scope)
        if care.subscription is None:
            return
        try:
            await self._requests.ask(link, "userDataStream.unsubscribe", {"subscriptionId": care.subscription})
        except Declined as refusal:
            if refusal.code != NO_SUBSCRIPTION:
                log.warning("stream.not_unsubscribed account=%s scope=%s", self._account, scope)

    async def _probe(self, link: Link) -> None:
        """Resubscribe what the exchange no longer holds: a lost subscription is silent."""
        try:
            held = subscription_ids(await self._requests.ask(link, "session.subscriptions", {}))
        except (Declined, Implausible):
            log.warning("stream.not_probed account=%s", self._account)
            return
        for scope, care in self._care.items():
            if care.subscription is not None and care.subscription not in held:
                self._lose(scope, care, "gone without notice")

    def _take(self, raw: bytes) -> None:
        match read_frame(raw):
            case Delivery(subscription, event):
                self._take_event(subscription, event, raw)
            case Reply() as reply:
                self._requests.take(reply)
                early, self._early = self._early, []
                for waiting in early:
                    self._take(waiting)
            case Shutdown():
                self.retire.set()
            case Unreadable(reason):
                self._reject(raw, reason)

    def _take_event(self, subscription: int | None, event: bytes, raw: bytes) -> None:
        scope = self._scope_of.get(subscription) if subscription is not None else None
        if scope is None:
            if subscription is not None and self._requests.is_subscribing:
                # It may have overtaken the reply that says whose it is.
                self._early.append(raw)
                return
            self._reject(raw, "of an unknown subscription")
            return
        told = stream_event(self._account, "account", scope, event, self._clock.now())
        self._deliver(told)
        self._witness.heard(scope)
        care = self._care.get(scope)
        # The id keeps its scope: what was sent before the end may arrive after it.
        if told.type == TERMINATED and care is not None and care.subscription == subscription:
            self._lose(scope, care, "terminated by the exchange")

    def _note_subscription(self, scope: Scope, result: bytes) -> None:
        # A renewal may give the old id or a new one; an old id keeps its scope.
        try:
            subscription, _ = subscribed(result)
        except Implausible:
            return
        self._scope_of[subscription] = scope
        if (care := self._care.get(scope)) is not None:
            if care.subscription is None:
                care.since = self._clock.elapsed_s()
                if not self.is_leaving:
                    self._witness.subscribed(scope)
            care.subscription = subscription

    def _lose(self, scope: Scope, care: _Care, trouble: str) -> None:
        now = self._clock.elapsed_s()
        lived_long = care.since is None or now - care.since > _SHORT_LIFE_S
        care.short_lives = 0 if lived_long else care.short_lives + 1
        rest_s = self._sockets.guards.rest_s(care.short_lives - 1) if care.short_lives > 1 else 0
        care.subscription, care.trouble, care.due = None, trouble, now + rest_s
        if not self.is_leaving:
            self._witness.lost(scope)
        if not self._tells_soon:
            # The exchange ends subscriptions one by one, which is one change all the same.
            self._tells_soon = True
            asyncio.get_running_loop().call_soon(self._tell)
        self._attention.set()

    def _tell(self) -> None:
        self._tells_soon = False
        if self.changed is not None:
            self.changed()

    def _reject(self, raw: bytes, reason: str) -> None:
        log.warning("stream.rejected account=%s stream=account reason=%r bytes=%d", self._account, reason, len(raw))
        self._deliver(rejected_event(self._account, "account", CROSS, raw, reason, self._clock.now()))


def _brief(error: ExchangeError | Declined | Implausible) -> str:
    if not isinstance(error, ExchangeError):
        return str(error)
    return error.code if error.venue_code is None else f"{error.code} {error.venue_code}"
