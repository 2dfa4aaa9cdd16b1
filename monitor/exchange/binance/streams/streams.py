"""All live streams of one account behind the exchange port."""

from collections.abc import Callable, Coroutine, Iterable

from monitor.clock import Clock
from monitor.core.model.events import Event, StreamName
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.streams.account_stream import AccountLine, Renewal
from monitor.exchange.binance.streams.anomalies import Tally
from monitor.exchange.binance.streams.async_waits import Wanted, first_end
from monitor.exchange.binance.streams.market_stream import MarketLine
from monitor.exchange.binance.streams.poll_crosscheck import Witness
from monitor.exchange.binance.streams.price_conflator import Newest
from monitor.exchange.binance.streams.risk_stream import RiskLine
from monitor.exchange.binance.streams.supervisor import Announcer, Line, keep_up
from monitor.exchange.binance.streams.websocket import Sockets


class BinanceStreams:
    """Implements `exchange.port.Streams`: account, risk (with cross only) and market, each on a line of its own."""

    def __init__(
        self,
        *,
        account: str,
        cross: bool,
        ws_api_url: str,
        market_url: str,
        risk_url: str,
        sockets: Sockets,
        transport: Transport,
        clock: Clock,
        witness: Witness,
        deliver: Callable[[Event], None],
    ) -> None:
        self._account = account
        self._cross = cross
        self._ws_api_url = ws_api_url
        self._market_url = market_url
        self._risk_url = risk_url
        self._sockets = sockets
        self._transport = transport
        self._clock = clock
        self._deliver = deliver = Tally(deliver)
        self._pairs = Wanted()
        self._symbols = Wanted()
        self._newest = Newest(deliver)
        self._witness = witness
        self._renewal = Renewal()

    def watch_pairs(self, symbols: Iterable[str]) -> None:
        """The isolated pairs whose account events are wanted."""
        self._pairs.replace(symbols)

    def watch_prices(self, symbols: Iterable[str]) -> None:
        """The symbols whose prices are wanted."""
        self._symbols.replace(symbols)

    @property
    def conflated(self) -> int:
        """How many prices a newer one replaced before they were handed on."""
        return self._newest.conflated

    async def run(self) -> None:
        """Keep all streams up until cancelled."""
        lines = [self._keep_up("account", self._account_line), self._keep_up("market", self._market_line)]
        if self._cross:
            lines.append(self._keep_up("risk", self._risk_line))
        await first_end(*lines)

    def _keep_up(self, stream: StreamName, open_line: Callable[[], Line]) -> Coroutine[None, None, None]:
        return keep_up(open_line, self._announcer(stream), self._sockets.guards)

    def _announcer(self, stream: StreamName) -> Announcer:
        return Announcer(self._account, stream, self._clock, self._deliver)

    def _account_line(self) -> AccountLine:
        return AccountLine(
            account=self._account,
            cross=self._cross,
            pairs=self._pairs,
            url=self._ws_api_url,
            sockets=self._sockets,
            transport=self._transport,
            clock=self._clock,
            witness=self._witness,
            renewal=self._renewal,
            deliver=self._deliver,
        )

    def _risk_line(self) -> RiskLine:
        return RiskLine(
            account=self._account,
            url=self._risk_url,
            sockets=self._sockets,
            transport=self._transport,
            clock=self._clock,
            deliver=self._deliver,
        )

    def _market_line(self) -> MarketLine:
        return MarketLine(
            account=self._account,
            symbols=self._symbols,
            url=self._market_url,
            sockets=self._sockets,
            clock=self._clock,
            newest=self._newest,
            deliver=self._deliver,
        )
