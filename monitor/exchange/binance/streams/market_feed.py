"""Market prices of all accounts of a process: each symbol is subscribed once, whoever wants it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable

from monitor.clock import Clock
from monitor.core.model.account import CROSS, Price
from monitor.core.model.events import Event, PricesRead
from monitor.exchange.binance.streams.frame_decoding import build_rejected_event, read_ticker_symbol
from monitor.exchange.binance.streams.market_line import MarketLine
from monitor.exchange.binance.streams.supervisor import StatusReporter
from monitor.exchange.binance.streams.websocket import WebSocketFactory


class MarketFeed:
    """Market streams of one address for all accounts that run: one line, more only beyond the exchange's limit.

    The first account opens it and the last one closes it; those between come and go without touching the others.
    """

    def __init__(self, url: str, websockets: WebSocketFactory, clock: Clock) -> None:
        self._url = url
        self._websockets = websockets
        self._clock = clock
        self._subscriptions: list[PriceSubscription] = []
        self._by_symbol: dict[str, list[PriceSubscription]] = {}
        self._lines: dict[MarketLine, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._ended_conflated = 0

    @property
    def conflated(self) -> int:
        """Number of prices that a newer one of the same symbol replaced before their delivery."""
        return self._ended_conflated + sum(line.conflated for line in self._lines)

    @property
    def symbols(self) -> frozenset[str]:
        """Symbols that any running account wants."""
        return frozenset(self._by_symbol)

    def subscribe(self, account: str, deliver: Callable[[Event], None]) -> "PriceSubscription":
        """Return an account's subscription, which gets prices while it runs."""
        return PriceSubscription(self, account, StatusReporter(account, "market", self._clock, deliver))

    def attach(self, subscription: "PriceSubscription") -> None:
        """Let a subscription take part from now on."""
        self._subscriptions.append(subscription)
        if not self._lines:
            self._open_line(is_first=True)
        self.change_wishes(subscription)

    def change_wishes(self, subscription: "PriceSubscription") -> None:
        """Follow a running subscription's new symbols."""
        self._assign_symbols()
        subscription.report(self._lines)

    async def detach(self, subscription: "PriceSubscription") -> None:
        """End a subscription's part; with the last one the lines are closed."""
        self._subscriptions.remove(subscription)
        if self._subscriptions:
            self._assign_symbols()
            return
        self._by_symbol = {}
        ended = [self._close_line(line) for line in tuple(self._lines)]
        if ended:
            await asyncio.wait(ended)

    def on_status(self, line: MarketLine, *, is_new: bool) -> None:
        """Report the status to the accounts for which it changed; to every account of a line with a new connection."""
        for subscription in tuple(self._subscriptions):
            is_carried = not subscription.wanted.isdisjoint(line.assigned)
            subscription.report(self._lines, is_new=is_new and is_carried)

    def on_alive(self, line: MarketLine, event: Event) -> None:
        """Deliver a sign of life to the accounts whose other lines are up, too."""
        for subscription in tuple(self._subscriptions):
            if subscription.uses(line) and all(
                other is line or other.active is not None or not subscription.uses(other) for other in self._lines
            ):
                subscription.deliver(event)

    def on_prices(self, event: Event) -> None:
        """Deliver each account its own prices."""
        assert isinstance(event, PricesRead)
        if len(self._subscriptions) == 1 and event.prices.keys() <= self._subscriptions[0].wanted:
            self._subscriptions[0].deliver(event)
            return
        parts: defaultdict[PriceSubscription, dict[str, Price]] = defaultdict(dict)
        for symbol, price in event.prices.items():
            for subscription in self._by_symbol.get(symbol, ()):
                parts[subscription][symbol] = price
        for subscription, own in parts.items():
            subscription.deliver(PricesRead(own, None if event.moved is None else event.moved.intersection(own)))

    def on_rejected(self, raw: bytes, reason: str) -> None:
        """Deliver an unreadable frame to the accounts that want its symbol, to all where that can't be known."""
        wanting = self._by_symbol.get(read_ticker_symbol(raw), self._subscriptions)
        for subscription in tuple(wanting):
            subscription.deliver(
                build_rejected_event(subscription.account, "market", CROSS, raw, reason, self._clock.now())
            )

    def _assign_symbols(self) -> None:
        """Give every wanted symbol to a line. A symbol keeps its line: what one account wants moves nothing else."""
        self._by_symbol = {}
        for subscription in self._subscriptions:
            for symbol in subscription.wanted:
                self._by_symbol.setdefault(symbol, []).append(subscription)
        left = set(self._by_symbol)
        for line in self._lines:
            left -= line.keep(left)
        unplaced = sorted(left, reverse=True)
        for line in tuple(self._lines):
            line.add(unplaced.pop() for _ in range(min(line.room, len(unplaced))))
        while unplaced:
            line = self._open_line(is_first=False)
            line.add(unplaced.pop() for _ in range(min(line.room, len(unplaced))))
        for line in tuple(self._lines):
            if not line.is_first and not line.assigned:
                self._close_line(line)

    def _open_line(self, *, is_first: bool) -> MarketLine:
        line = MarketLine(self._url, self._websockets, self._clock, self, is_first=is_first)
        task = asyncio.create_task(line.run(), name="market")
        self._lines[line] = task
        task.add_done_callback(lambda _: self._on_line_end(line))
        return line

    def _close_line(self, line: MarketLine) -> "asyncio.Task[None]":
        task = self._lines.pop(line)
        self._ended_conflated += line.conflated
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        task.cancel()
        return task

    def _on_line_end(self, line: MarketLine) -> None:
        """Fail every account where a line ended that nobody closed: their owners begin anew."""
        if line not in self._lines:
            return
        for other in tuple(self._lines):
            self._close_line(other)
        for subscription in tuple(self._subscriptions):
            subscription.fail(RuntimeError("the market line has ended"))


class PriceSubscription:
    """One account's part of the market feed: its symbols, and their status as it was last reported."""

    def __init__(self, feed: MarketFeed, account: str, reporter: StatusReporter) -> None:
        self.account = account
        self.wanted: frozenset[str] = frozenset()
        self._feed = feed
        self._reporter = reporter
        self._reported: tuple[bool, tuple[str, ...], str] | None = None
        self._failure: asyncio.Future[None] | None = None

    def watch(self, symbols: Iterable[str]) -> None:
        """Want exactly these symbols from now on."""
        wanted = frozenset(symbols)
        if wanted == self.wanted:
            return
        self.wanted = wanted
        if self._failure is not None:
            self._feed.change_wishes(self)

    async def run(self) -> None:
        """Take part in the feed until cancelled. Raises what the account's own delivery raised."""
        self._failure = asyncio.get_running_loop().create_future()
        self._reported = None
        self._feed.attach(self)
        try:
            await self._failure
        finally:
            self._failure = None
            await self._feed.detach(self)

    def deliver(self, event: Event) -> None:
        """Deliver an event. A failure of the account's delivery is the account's own."""
        try:
            self._reporter.deliver(event)
        except Exception as error:  # noqa: BLE001  carried over to the account's own task; other accounts go on
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """End the run with this error."""
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    def uses(self, line: MarketLine) -> bool:
        """Return whether the line carries symbols of this account; the first one stands for an account without any."""
        return not self.wanted.isdisjoint(line.assigned) if self.wanted else line.is_first

    def report(self, lines: Iterable[MarketLine], *, is_new: bool = False) -> None:
        """Report the status of the account's symbols if it changed, or if a connection is new."""
        status = self._status(lines)
        if status is None or (status == self._reported and not is_new):
            return
        self._reported = status
        connected, subscriptions, reason = status
        try:
            self._reporter.report(connected=connected, subscriptions=subscriptions, reason=reason)
        except Exception as error:  # noqa: BLE001  as in `deliver`
            self.fail(error)

    def _status(self, lines: Iterable[MarketLine]) -> tuple[bool, tuple[str, ...], str] | None:
        """Return whether every symbol is subscribed, which ones are, and why others are not.

        None while all that is missing is under way.
        """
        held: set[str] = set()
        reasons: list[str] = []
        is_under_way = False
        for line in lines:
            if not self.uses(line):
                continue
            own = self.wanted & line.assigned
            if not own and (line.active is not None or line.down_reason):
                # Where nothing is wanted, nothing is missed.
                continue
            if line.active is None:
                reasons += [line.down_reason] if line.down_reason else []
                is_under_way = True
                continue
            carried = own.intersection(line.active.subscriptions)
            held |= carried
            if carried != own:
                reasons += [f"{len(own - carried)} symbols {line.active.missing}"] if line.active.missing else []
                is_under_way = True
        if is_under_way and not reasons:
            return None
        return not reasons, tuple(sorted(held)), "; ".join(dict.fromkeys(reasons))
