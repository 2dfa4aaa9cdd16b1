"""Connections of the WebSocket API: requests in, account events of the subscribed tokens out."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

import msgspec

from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.api.weights import Weight, WeightMeter
from monitor.sandbox.event_feed import EventDelivery, SentEvent, UserStreamKind
from monitor.sandbox.streams.connection import ClientConnection
from monitor.sandbox.streams.tokens import TokenIssuer
from monitor.sandbox.venue import Venue

WEIGHT_POOL = "/api"
MAX_SUBSCRIPTIONS = 1000


@dataclass(slots=True)
class Subscription:
    """One account's events on one connection."""

    number: int
    account: str
    symbol: str | None
    expires_ms: int


class AccountConnection(ClientConnection):
    """A client of the WebSocket API."""

    stream = "account"

    def __init__(self, venue: Venue, tokens: TokenIssuer, meter: WeightMeter, address: str, query: str) -> None:
        super().__init__(address, venue.now_ms())
        self._venue = venue
        self._tokens = tokens
        self._meter = meter
        options = {name: values[-1] for name, values in parse_qs(query).items()}
        self._shows_limits = options.get("returnRateLimits", "true") != "false"
        self._next_number = 0
        self.subscriptions: dict[int, Subscription] = {}
        self._methods: dict[str, tuple[int, Callable[[dict[str, object]], object]]] = {
            "ping": (1, lambda _params: {}),
            "time": (1, lambda _params: {"serverTime": venue.now_ms()}),
            "session.status": (2, self._status),
            "session.subscriptions": (2, self._list),
            "userDataStream.subscribe.listenToken": (2, self._subscribe),
            "userDataStream.unsubscribe": (2, self._unsubscribe),
        }

    def listens_to(self, account: str, symbol: str | None, stream: UserStreamKind) -> bool:
        """Return whether there is a subscription for this account's events."""
        return stream == "account" and self._find_subscription(account, symbol) is not None

    def deliver(self, event: SentEvent) -> None:
        """Send an event under its subscription's number."""
        subscription = self._find_subscription(event.account, event.symbol)
        if subscription is not None:
            self.send_event(subscription.number, event)

    def send_event(self, number: int, event: SentEvent) -> None:
        """Send an event under a number."""
        delivery = EventDelivery(self.number)
        event.deliveries.append(delivery)
        self.send(f'{{"subscriptionId":{number},"event":{event.text}}}', delivery)

    def drop_subscriptions(self) -> None:
        self.subscriptions.clear()

    def on_close(self) -> None:
        # Tokens that expire later have no subscriber.
        self.subscriptions.clear()

    def terminate(self, subscription: Subscription) -> None:
        """End a subscription and report it. The socket stays open."""
        self.subscriptions.pop(subscription.number, None)
        feed = self._venue.feed
        event = feed.compose(
            subscription.account, subscription.symbol, "account", "eventStreamTerminated", {}, self._venue.now_ms()
        )
        feed.sent.append(event)
        self.send_event(subscription.number, event)

    def fake_terminations(self) -> None:
        """Report the end of every subscription, and keep it."""
        for number, subscription in list(self.subscriptions.items()):
            self.terminate(subscription)
            self.subscriptions[number] = subscription

    def terminate_all(self) -> None:
        """End every subscription."""
        for subscription in list(self.subscriptions.values()):
            self.terminate(subscription)

    async def on_text(self, text: str) -> None:
        """Answer one request."""
        number: object = None
        try:
            request = msgspec.json.decode(text)
            if not isinstance(request, dict):
                raise SimApiError(-1100, "Illegal characters found in a parameter.")
            number = request.get("id")
            answer: dict[str, object] = {"id": number, "status": 200, "result": self._answer(request)}
        except msgspec.DecodeError:
            answer = _error(number, SimApiError(-1100, "Illegal characters found in a parameter."))
        except SimApiError as refusal:
            answer = _error(number, refusal)
        if self._shows_limits:
            limits = self._venue.scenario.limits
            used = self._meter.used(WEIGHT_POOL, self.address)
            answer["rateLimits"] = [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1,
                 "limit": limits.api_ip_weight, "count": used}
            ]  # fmt: skip
        self.send(msgspec.json.encode(answer).decode())

    def _answer(self, request: dict[str, object]) -> object:
        known = self._methods.get(str(request.get("method")))
        params = request.get("params", {})
        if known is None or not isinstance(params, dict):
            raise SimApiError(-1020, "This operation is not supported.")
        weight, act = known
        now = self._venue.now_ms()
        self._meter.check_ban(self.address, now)
        self._meter.charge(WEIGHT_POOL, Weight(weight), self.address, "", now)
        return act(params)

    def _subscribe(self, params: dict[str, object]) -> object:
        token = self._tokens.token(str(params.get("listenToken", "")))
        if token is None or self._tokens.is_rejected():
            raise SimApiError(-1209, "Invalid listen token.")
        readings = self._venue.scenario.readings
        present = self._find_subscription(token.account, token.symbol)
        if present is not None and readings.token_renewal == "refused":
            raise SimApiError(-2035, "Subscription already active for this account.")
        if present is not None and readings.renewed_subscription_id == "same":
            subscription = present
        else:
            if len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
                raise SimApiError(-1003, "Too many active subscriptions.", status=429)
            if self._next_number >= self._venue.scenario.limits.subscription_numbers:
                raise SimApiError(-2042, "No more subscription ids on this connection.")
            if present is not None:
                del self.subscriptions[present.number]
            subscription = Subscription(self._next_number, token.account, token.symbol, 0)
            self._next_number += 1
            self.subscriptions[subscription.number] = subscription
        subscription.expires_ms = max(subscription.expires_ms, token.expires_ms)
        self._venue.schedule_at(token.expires_ms, lambda: self._expire(subscription))
        unit = 1000 if readings.token_expiration_unit == "us" else 1
        return {"subscriptionId": subscription.number, "expirationTime": token.expires_ms * unit}

    def _unsubscribe(self, params: dict[str, object]) -> object:
        number = params.get("subscriptionId")
        if number is None:
            self.terminate_all()
            return {}
        subscription = self.subscriptions.get(number) if isinstance(number, int) else None
        if subscription is None:
            raise SimApiError(-2036, "No such active subscription.")
        self.terminate(subscription)
        return {}

    def _list(self, _params: dict[str, object]) -> object:
        return [{"subscriptionId": number} for number in self.subscriptions]

    def _status(self, _params: dict[str, object]) -> object:
        return {
            "apiKey": None,
            "authorizedSince": None,
            "connectedSince": self.opened_ms,
            "returnRateLimits": self._shows_limits,
            "serverTime": self._venue.now_ms(),
            "userDataStream": bool(self.subscriptions),
        }

    def _find_subscription(self, account: str, symbol: str | None) -> Subscription | None:
        for subscription in self.subscriptions.values():
            if (subscription.account, subscription.symbol) == (account, symbol):
                return subscription
        return None

    def _expire(self, subscription: Subscription) -> None:
        present = self.subscriptions.get(subscription.number)
        if present is subscription and subscription.expires_ms <= self._venue.now_ms():
            self.terminate(subscription)


def _error(number: object, refusal: SimApiError) -> dict[str, object]:
    error: dict[str, object] = {"code": refusal.code, "msg": refusal.message}
    return {"id": number, "status": refusal.status, "error": error}
