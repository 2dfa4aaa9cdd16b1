"""The account stream: one WebSocket-API connection carries cross and every watched pair, one listenToken each."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.core.account import CROSS, Scope
from monitor.core.events import Event
from monitor.errors import ExchangeError, ExchangeUnreachable
from monitor.exchange.binance.client.keys import create_listen_token
from monitor.exchange.binance.client.transport import Transport
from monitor.exchange.binance.client.venue_time import VenueTime
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
from monitor.exchange.binance.streams.session import Line, Pulse
from monitor.exchange.binance.streams.sockets import Link, LinkLost, Sockets
from monitor.exchange.binance.streams.waiting import Wanted, backoff_s, first_end, sleep_or
from monitor.exchange.binance.wire.numbers import Implausible

log = logging.getLogger(__name__)

PROBE_EVERY_S = 120.0
"""Exchange seconds between two questions whether all subscriptions are still there."""

_REPLY_TIMEOUT_S = 10.0
_BAD_TOKEN = -1209
_TOKENS_IN_A_ROW = 3


class _Refused(Exception):
    """The exchange refused a request on the socket."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


@dataclass(slots=True)
class _Asked:
    """A request without its reply yet; `scope` when it is a subscription."""

    reply: "asyncio.Future[bytes]"
    scope: Scope | None = None


@dataclass(slots=True)
class _Care:
    """What is known of one wanted scope: its subscription, and when to see to it again."""

    due: datetime
    subscription: int | None = None
    failures: int = 0
    trouble: str = ""


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
        time: VenueTime,
        deliver: Callable[[Event], None],
    ) -> None:
        super().__init__()
        self._account = account
        self._cross = cross
        self._pairs = pairs
        self._url = url
        self._sockets = sockets
        self._transport = transport
        self._time = time
        self._clock = time.clock
        self._deliver = deliver
        self._pulse = Pulse("account", time.clock, deliver)
        self._care: dict[Scope, _Care] = {}
        self._scope_of: dict[int, Scope] = {}
        self._asked: dict[int, _Asked] = {}
        self._early: list[bytes] = []
        self._next_id = 0
        self._attention = asyncio.Event()

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
            self.ready.set()
            await change.wait()
            return
        async with self._sockets.open(self._url, self._pulse.beat) as link:
            await first_end(link.read(self._take), self._tend(link))

    def _wanted(self) -> frozenset[Scope]:
        pairs = frozenset(Scope(symbol) for symbol in self._pairs.now)
        return pairs | {CROSS} if self._cross else pairs

    async def _tend(self, link: Link) -> None:
        """Keep every wanted scope subscribed, ask now and then whether it is, and know when to retire."""
        ends_at = self._clock.now() + timedelta(seconds=self._sockets.lifetime_s)
        probe_at = self._clock.now() + timedelta(seconds=PROBE_EVERY_S)
        while True:
            self._attention.clear()
            change = self._pairs.next_change()
            before = (self.subscriptions, self.missing)
            wanted = self._wanted()
            for scope in [scope for scope in self._care if scope not in wanted]:
                await self._unsubscribe(link, scope)
            for scope in sorted(wanted):
                care = self._care.setdefault(scope, _Care(due=self._clock.now()))
                if care.due <= self._clock.now():
                    await self._subscribe(link, scope, care)
            self._settle(before)
            now = self._clock.now()
            if now >= probe_at:
                await self._probe(link)
                probe_at = now + timedelta(seconds=PROBE_EVERY_S)
            if now >= ends_at:
                self.retire.set()
                ends_at = now + timedelta(seconds=self._sockets.lifetime_s)
            due = min([probe_at, ends_at, *(care.due for care in self._care.values())])
            await sleep_or(self._clock, max(0.0, (due - now).total_seconds()), change, self._attention)

    def _settle(self, before: tuple[tuple[str, ...], str]) -> None:
        if not self.ready.is_set():
            if self._care and not self.subscriptions:
                raise LinkLost(self.missing)
            self.ready.set()
        elif before != (self.subscriptions, self.missing) and self.changed is not None:
            self.changed()

    async def _subscribe(self, link: Link, scope: Scope, care: _Care) -> None:
        """Subscribe or renew: to the exchange both are the same request with a fresh token."""
        try:
            expires_at = await self._subscribe_once(link, scope)
        except (ExchangeError, _Refused, Implausible) as error:
            care.failures += 1
            care.trouble = _brief(error)
            if isinstance(error, ExchangeUnreachable) and not self.subscriptions:
                # The other scopes would fare no better, each after its own patience.
                raise LinkLost(care.trouble) from None
            care.due = self._clock.now() + timedelta(seconds=backoff_s(care.failures))
            log.warning("stream.not_subscribed account=%s scope=%s cause=%r", self._account, scope, care.trouble)
            return
        care.failures, care.trouble = 0, ""
        left = expires_at - self._time.now()
        care.due = self._clock.now() + max(left / 2, timedelta(seconds=1))

    async def _subscribe_once(self, link: Link, scope: Scope) -> datetime:
        for _ in range(_TOKENS_IN_A_ROW):
            token = await create_listen_token(self._transport, scope)
            parameters = {"listenToken": token.text}
            try:
                result = await self._ask(link, "userDataStream.subscribe.listenToken", parameters, scope)
            except _Refused as refusal:
                if refusal.code != _BAD_TOKEN:
                    raise
                continue
            return subscribed(result)[1] or token.expires_at
        raise _Refused(_BAD_TOKEN)

    async def _unsubscribe(self, link: Link, scope: Scope) -> None:
        care = self._care.pop(scope)
        if care.subscription is None:
            return
        try:
            await self._ask(link, "userDataStream.unsubscribe", {"subscriptionId": care.subscription})
        except _Refused:
            log.warning("stream.not_unsubscribed account=%s scope=%s", self._account, scope)

    async def _probe(self, link: Link) -> None:
        """Resubscribe what the exchange no longer holds: a lost subscription is silent."""
        try:
            held = subscription_ids(await self._ask(link, "session.subscriptions", {}))
        except (_Refused, Implausible):
            log.warning("stream.not_probed account=%s", self._account)
            return
        for care in self._care.values():
            if care.subscription is not None and care.subscription not in held:
                self._lose(care, "gone without notice")

    async def _ask(
        self, link: Link, method: str, parameters: Mapping[str, object], scope: Scope | None = None
    ) -> bytes:
        """The result of a request. Raises _Refused, or LinkLost when no reply comes."""
        self._next_id += 1
        number = self._next_id
        asked = _Asked(asyncio.get_running_loop().create_future(), scope)
        self._asked[number] = asked
        try:
            await link.send({"id": number, "method": method, "params": parameters})
            async with asyncio.timeout(_REPLY_TIMEOUT_S):
                return await asked.reply
        except TimeoutError:
            raise LinkLost("no reply") from None
        finally:
            self._asked.pop(number, None)

    def _take(self, raw: bytes) -> None:
        match read_frame(raw):
            case Delivery(subscription, event):
                self._take_event(subscription, event, raw)
            case Reply() as reply:
                self._take_reply(reply)
            case Shutdown():
                self.retire.set()
            case Unreadable(reason):
                self._reject(raw, reason)

    def _take_event(self, subscription: int | None, event: bytes, raw: bytes) -> None:
        scope = self._scope_of.get(subscription) if subscription is not None else None
        if scope is None:
            if subscription is not None and any(asked.scope is not None for asked in self._asked.values()):
                # It may have overtaken the reply that says whose it is.
                self._early.append(raw)
                return
            self._reject(raw, "of an unknown subscription")
            return
        told = stream_event(self._account, "account", scope, event, self._clock.now())
        self._deliver(told)
        if told.type == TERMINATED and subscription is not None:
            del self._scope_of[subscription]
            care = self._care.get(scope)
            if care is not None and care.subscription == subscription:
                self._lose(care, "terminated by the exchange")

    def _take_reply(self, reply: Reply) -> None:
        asked = self._asked.get(reply.id) if isinstance(reply.id, int) else None
        if asked is None or asked.reply.done():
            log.warning("stream.stray_reply account=%s code=%s", self._account, reply.code)
            return
        if reply.code is not None:
            asked.reply.set_exception(_Refused(reply.code))
        else:
            if asked.scope is not None:
                self._note_subscription(asked.scope, reply.result)
            asked.reply.set_result(reply.result)
        early, self._early = self._early, []
        for raw in early:
            self._take(raw)

    def _note_subscription(self, scope: Scope, result: bytes) -> None:
        # At once, not when the asking task wakes: the next frame may already be an event of it. A renewal may give
        # the old id or a new one; an old id keeps its scope until the exchange ends it.
        try:
            subscription, _ = subscribed(result)
        except Implausible:
            return
        self._scope_of[subscription] = scope
        if (care := self._care.get(scope)) is not None:
            care.subscription = subscription

    def _lose(self, care: _Care, trouble: str) -> None:
        care.subscription, care.trouble, care.due = None, trouble, self._clock.now()
        if self.changed is not None:
            self.changed()
        self._attention.set()

    def _reject(self, raw: bytes, reason: str) -> None:
        log.warning("stream.rejected account=%s stream=account reason=%r bytes=%d", self._account, reason, len(raw))
        self._deliver(rejected_event(self._account, "account", CROSS, raw, reason, self._clock.now()))


def _brief(error: ExchangeError | _Refused | Implausible) -> str:
    if not isinstance(error, ExchangeError):
        return str(error)
    return error.code if error.venue_code is None else f"{error.code} {error.venue_code}"
