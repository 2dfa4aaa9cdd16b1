"""Connections of the risk stream, raw or combined, opened by listen keys."""

import msgspec

from monitor.sandbox.event_feed import EventDelivery, SentEvent, UserStreamKind
from monitor.sandbox.streams.connection import ClientConnection
from monitor.sandbox.streams.tokens import SimListenKey, TokenIssuer
from monitor.sandbox.venue import Venue


class RiskConnection(ClientConnection):
    """A client of the risk stream. With an unknown key the connection is open and stays silent."""

    stream = "risk"

    def __init__(self, venue: Venue, tokens: TokenIssuer, address: str, key: str, *, combined: bool) -> None:
        super().__init__(address, venue.now_ms())
        self._venue = venue
        self._tokens = tokens
        self.key = key
        self.combined = combined

    def listens_to(self, account: str, symbol: str | None, stream: UserStreamKind) -> bool:
        """v1: the risk events of cross. v2: everything of the account, cross and pairs."""
        key = self._tokens.listen_key(self.key)
        if key is None or key.account != account:
            return False
        return key.family == "v2" or (stream == "risk" and symbol is None)

    def deliver(self, event: SentEvent) -> None:
        """Send an event."""
        delivery = EventDelivery(self.number)
        event.deliveries.append(delivery)
        self.send(self._wrap(event.text), delivery)

    def send_key_expired(self, key: SimListenKey) -> None:
        """Report that the key expired; nothing follows, and the connection stays open."""
        now = self._venue.now_ms()
        text = msgspec.json.encode({"e": "listenKeyExpired", "E": str(now), "listenKey": key.text}).decode()
        event = SentEvent(now, key.account, None, "risk", "listenKeyExpired", text)
        self._venue.feed.sent.append(event)
        self.deliver(event)

    def _wrap(self, text: str) -> str:
        return f'{{"stream":"{self.key}","data":{text}}}' if self.combined else text
