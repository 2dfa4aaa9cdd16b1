"""Prices of the market."""

from collections.abc import Iterable, Mapping

import msgspec

from monitor.core.model.account import Price
from monitor.errors import ExchangeRefused
from monitor.exchange.binance.api.endpoint import Endpoint, Security
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.market_text import Ticker
from monitor.exchange.binance.wire.row_decoding import WHOLE

TICKERS = Endpoint("GET", "/api/v3/ticker/price", list[Ticker], Security.NONE, weight=4, rows=WHOLE)

_BAD_SYMBOL = -1121
_MOST_NAMED = 100


async def read_prices(transport: Transport, symbols: Iterable[str]) -> Mapping[str, Price]:
    """The last prices; symbols that the venue does not know are left out."""
    wanted = frozenset(symbols)
    if not wanted:
        return {}
    if len(wanted) <= _MOST_NAMED:
        try:
            return await _read(transport, wanted, msgspec.json.encode(sorted(wanted)).decode())
        except ExchangeRefused as refusal:
            # One unknown symbol spoils the whole request, and the answer does not say which.
            if refusal.venue_code != _BAD_SYMBOL:
                raise
    return await _read(transport, wanted, None)


async def _read(transport: Transport, wanted: frozenset[str], named: str | None) -> Mapping[str, Price]:
    return await transport.fetch(
        TICKERS,
        {"symbols": named},
        lambda tickers, answer: reference_data.prices(tickers, wanted, at=answer.as_of, odd=answer.odd),
    )
