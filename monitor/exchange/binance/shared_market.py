"""The market as all accounts of a process share it."""

from monitor.clock import Clock
from monitor.exchange.binance.clock_checks import ClockChecks
from monitor.exchange.binance.shared_answers import SharedAnswers
from monitor.exchange.binance.streams.market_feed import MarketFeed
from monitor.exchange.binance.streams.websocket import WebSocketFactory


class SharedMarket:
    """Market feeds by address and network settings: accounts with the same ones have the same feed.

    `answers` are those of one exchange: accounts of another one have a shared market of their own. So are
    `clock_checks`.
    """

    def __init__(self, clock: Clock) -> None:
        self.answers = SharedAnswers(clock)
        self.clock_checks = ClockChecks()
        self._clock = clock
        self._feeds: dict[tuple[str, WebSocketFactory], MarketFeed] = {}

    def feed(self, url: str, websockets: WebSocketFactory) -> MarketFeed:
        """Return the one feed of this address."""
        place = (url.rstrip("/"), websockets)
        if place not in self._feeds:
            self._feeds[place] = MarketFeed(url, websockets, self._clock)
        return self._feeds[place]
