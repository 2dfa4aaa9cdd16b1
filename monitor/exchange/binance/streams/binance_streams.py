"""All live streams of one account behind the exchange port."""

from collections.abc import Callable, Coroutine, Iterable

from monitor.clock import Clock
from monitor.core.model.events import Event
from monitor.core.model.stream_payloads import StreamName
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.streams.account_stream import AccountStream, TokenRenewal
from monitor.exchange.binance.streams.anomalies import AnomalyTagger
from monitor.exchange.binance.streams.async_waits import SubscriptionSet, run_until_first
from monitor.exchange.binance.streams.market_feed import MarketFeed
from monitor.exchange.binance.streams.poll_crosscheck import PollCrossCheck
from monitor.exchange.binance.streams.risk_stream import RiskStream
from monitor.exchange.binance.streams.supervisor import StatusReporter, StreamConnection, supervise
from monitor.exchange.binance.streams.websocket import WebSocketFactory


class BinanceStreams:
    """Implementation of `exchange.port.Streams`: account, risk (with cross only), and a part of the market feed."""

    def __init__(
        self,
        *,
        account: str,
        cross: bool,
        ws_api_url: str,
        market_feed: MarketFeed,
        risk_url: str,
        websockets: WebSocketFactory,
        transport: Transport,
        clock: Clock,
        poll_crosscheck: PollCrossCheck,
        deliver: Callable[[Event], None],
    ) -> None:
        self._account = account
        self._cross = cross
        self._ws_api_url = ws_api_url
        self._risk_url = risk_url
        self._websockets = websockets
        self._transport = transport
        self._clock = clock
        self._deliver = deliver = AnomalyTagger(deliver)
        self._pairs = SubscriptionSet()
        self._market_feed = market_feed
        self._prices = market_feed.subscribe(account, deliver)
        self._poll_crosscheck = poll_crosscheck
        self._token_renewal = TokenRenewal()

    def watch_pairs(self, symbols: Iterable[str]) -> None:
        """Set the isolated pairs whose account events are wanted."""
        self._pairs.replace(symbols)

    def watch_prices(self, symbols: Iterable[str]) -> None:
        """Set the symbols whose prices are wanted."""
        self._prices.watch(symbols)

    @property
    def conflated(self) -> int:
        """Number of prices, of all accounts of the feed, that a newer one replaced before their delivery."""
        return self._market_feed.conflated

    async def run(self) -> None:
        """Keep all streams up until cancelled."""
        lines = [
            self._supervise("account", self._open_account_stream),
            self._prices.run(),
        ]
        if self._cross:
            lines.append(self._supervise("risk", self._open_risk_stream))
        await run_until_first(*lines)

    def _supervise(
        self, stream: StreamName, open_connection: Callable[[], StreamConnection]
    ) -> Coroutine[None, None, None]:
        return supervise(open_connection, self._status_reporter(stream), self._websockets.limits)

    def _status_reporter(self, stream: StreamName) -> StatusReporter:
        return StatusReporter(self._account, stream, self._clock, self._deliver)

    def _open_account_stream(self) -> AccountStream:
        return AccountStream(
            account=self._account,
            cross=self._cross,
            pairs=self._pairs,
            url=self._ws_api_url,
            websockets=self._websockets,
            transport=self._transport,
            clock=self._clock,
            poll_crosscheck=self._poll_crosscheck,
            token_renewal=self._token_renewal,
            deliver=self._deliver,
        )

    def _open_risk_stream(self) -> RiskStream:
        return RiskStream(
            account=self._account,
            url=self._risk_url,
            websockets=self._websockets,
            transport=self._transport,
            clock=self._clock,
            deliver=self._deliver,
        )
