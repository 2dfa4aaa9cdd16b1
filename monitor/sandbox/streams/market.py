"""Connections of the market streams: tickers, best prices and trades of the symbols subscribed."""

import time
from collections import deque
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from monitor.sandbox.amounts import ONE, format_decimal
from monitor.sandbox.streams.connection import MAX_PRICE_BACKLOG, ClientConnection
from monitor.sandbox.venue import Venue

STREAM_KINDS = ("miniTicker", "bookTicker", "trade", "aggTrade", "ticker", "avgPrice")
ALL_TICKERS = "!miniTicker@arr"
HALF_SPREAD = Decimal("0.00001")
# A sped-up exchange sends at most about this many frames in a second of real time.
MAX_FRAMES_PER_S = 20
MAX_ROUND_S = 0.25


class TickerStatistics:
    """Fields of frames beside the price: the day's open, extremes and volume, and running numbers."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._days: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
        self._start = venue.second

    def frame(self, symbol: str, kind: str) -> dict[str, object] | None:
        """The payload of one stream now; None for a symbol without a price."""
        price = self._venue.prices.spot(symbol)
        if price is None:
            return None
        now, second = self._venue.now_ms(), self._venue.second
        number = 400_900_217 + second - self._start
        shown = format_decimal(price)
        match kind:
            case "bookTicker":
                bid, ask = price * (ONE - HALF_SPREAD), price * (ONE + HALF_SPREAD)
                return {
                    "u": number,
                    "s": symbol,
                    "b": format_decimal(bid),
                    "B": "31.21000000",
                    "a": format_decimal(ask),
                    "A": "40.66000000",
                }
            case "trade":
                return {"e": "trade", "E": now, "s": symbol, "t": number, "p": shown, "q": "0.10000000", "T": now,
                        "m": True, "M": True}  # fmt: skip
            case "aggTrade":
                return {"e": "aggTrade", "E": now, "s": symbol, "a": number, "p": shown, "q": "0.10000000",
                        "f": number, "l": number, "T": now, "m": True, "M": True}  # fmt: skip
            case "avgPrice":
                return {"e": "avgPrice", "E": now, "s": symbol, "i": "5m", "w": shown, "T": now}
        opened, high, low = self._day(symbol, price)
        volume = Decimal(second - self._start + 1)
        row: dict[str, object] = {
            "e": "24hrMiniTicker" if kind == "miniTicker" else "24hrTicker", "E": now, "s": symbol, "c": shown,
            "o": format_decimal(opened), "h": format_decimal(high), "l": format_decimal(low),
            "v": format_decimal(volume), "q": format_decimal(volume * price),
        }  # fmt: skip
        if kind == "ticker":
            row |= {
                "b": format_decimal(price * (ONE - HALF_SPREAD)),
                "a": format_decimal(price * (ONE + HALF_SPREAD)),
                "w": shown,
            }
        return row

    def _day(self, symbol: str, price: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        opened, high, low = self._days.get(symbol, (price, price, price))
        self._days[symbol] = (opened, max(high, price), min(low, price))
        return self._days[symbol]


class MarketConnection(ClientConnection):
    """A client of the market streams."""

    stream = "market"

    def __init__(
        self, venue: Venue, statistics: TickerStatistics, address: str, names: Iterable[str], *, combined: bool
    ) -> None:
        super().__init__(address, venue.now_ms())
        self._venue = venue
        self._statistics = statistics
        self.combined = combined
        # Stream name → (virtual second, price) of the last frame; None before the first.
        self.names: dict[str, tuple[int, Decimal] | None] = dict.fromkeys(names)
        self._arrivals: deque[float] = deque()
        self._next_round = 0.0
        # The last frame of each symbol on the stream of all tickers.
        self._last_sent: dict[str, Decimal] = {}

    def publish_prices(self) -> None:
        """Send new prices, if the interval is over."""
        now = time.monotonic()
        if now < self._next_round or self.backlog > MAX_PRICE_BACKLOG:
            return
        sent = 0
        for name, last in list(self.names.items()):
            sent += self._publish_all() if name == ALL_TICKERS else self._publish_symbol(name, last)
        if sent:
            self._next_round = now + min(MAX_ROUND_S, sent / MAX_FRAMES_PER_S)

    def drop_subscriptions(self) -> None:
        self.names.clear()

    async def on_text(self, text: str) -> None:
        """Process one control frame."""
        if not await self._is_within_rate():
            return
        number: object = None
        try:
            request = msgspec.json.decode(text)
            number = request.get("id") if isinstance(request, dict) else None
            result = self._execute(request)
        except (msgspec.DecodeError, ValueError) as error:
            answer: dict[str, object] = {"code": 2, "msg": f"Invalid request: {error}"}
            self.send(msgspec.json.encode({**answer, "id": number}).decode())
            return
        self.send(msgspec.json.encode({"result": result, "id": number}).decode())

    async def on_control(self) -> None:
        """Control frames count as messages."""
        await self._is_within_rate()

    def _execute(self, request: object) -> object:
        if not isinstance(request, dict):
            raise ValueError("request must be an object")
        names = request.get("params", [])
        if not isinstance(names, list):
            raise ValueError("params must be an array")
        match request.get("method"):
            case "SUBSCRIBE":
                if len(self.names) + len(names) > self._venue.scenario.limits.market_streams:
                    raise ValueError("too many streams")
                for name in names:
                    self.names.setdefault(str(name), None)
                return None
            case "UNSUBSCRIBE":
                for name in names:
                    self.names.pop(str(name), None)
                return None
            case "LIST_SUBSCRIPTIONS":
                return list(self.names)
            case "SET_PROPERTY":
                self.combined = names[:2] == ["combined", True]
                return None
            case "GET_PROPERTY":
                return self.combined
        raise ValueError(f"unknown variant {request.get('method')!r}")

    async def _is_within_rate(self) -> bool:
        now = time.monotonic()
        self._arrivals.append(now)
        while self._arrivals and self._arrivals[0] < now - 1:
            self._arrivals.popleft()
        if len(self._arrivals) <= self._venue.scenario.limits.market_messages_per_s:
            return True
        await self.close(1008)
        return False

    def _publish_symbol(self, name: str, last: tuple[int, Decimal] | None) -> int:
        low_symbol, _, kind = name.partition("@")
        symbol = low_symbol.upper()
        price = self._venue.prices.spot(symbol) if low_symbol.islower() else None
        if price is None or kind not in STREAM_KINDS or symbol in self._venue.symbol_status:
            return 0
        second = self._venue.second
        if last is not None and last[1] == price and (last[0] == second or symbol in self._venue.scenario.quiet):
            return 0
        payload = self._statistics.frame(symbol, kind)
        if payload is None:
            return 0
        self.names[name] = (second, price)
        self._send_payload(name, payload)
        return 1

    def _publish_all(self) -> int:
        changed = []
        for symbol in self._venue.prices.symbols():
            price = self._venue.prices.spot(symbol)
            if price is not None and self._last_sent.get(symbol) != price:
                self._last_sent[symbol] = price
                changed.append(self._statistics.frame(symbol, "miniTicker"))
        if changed:
            self._send_payload(ALL_TICKERS, changed)
        return 1 if changed else 0

    def _send_payload(self, name: str, payload: object) -> None:
        wrapped = {"stream": name, "data": payload} if self.combined else payload
        self.send(msgspec.json.encode(wrapped).decode())
