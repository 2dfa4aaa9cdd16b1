"""Reads of last prices."""

from collections.abc import Iterable, Mapping

import msgspec

from monitor.core.model.account import Price
from monitor.errors import ExchangeRefused
from monitor.exchange.binance.api.endpoint import Endpoint, SecurityType
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.market_text import TextTicker
from monitor.exchange.binance.wire.row_decoding import WHOLE_ANSWER

TICKERS = Endpoint("GET", "/api/v3/ticker/price", list[TextTicker], SecurityType.NONE, weight=4, rows=WHOLE_ANSWER)

_BAD_SYMBOL = -1121
_MAX_SYMBOLS = 100


async def read_prices(transport: Transport, symbols: Iterable[str]) -> Mapping[str, Price]:
    """Return the last prices; symbols that the exchange does not know are left out."""
    wanted = frozenset(symbols)
    if not wanted:
        return {}
    if len(wanted) <= _MAX_SYMBOLS:
        try:
            return await _read_tickers(transport, wanted, msgspec.json.encode(sorted(wanted)).decode())
        except ExchangeRefused as refusal:
            # One unknown symbol makes the whole request fail, and the answer does not say which.
            if refusal.venue_code != _BAD_SYMBOL:
                raise
    return await _read_tickers(transport, wanted, None)


async def _read_tickers(transport: Transport, wanted: frozenset[str], symbols_json: str | None) -> Mapping[str, Price]:
    return await transport.fetch(
        TICKERS,
        {"symbols": symbols_json},
        lambda tickers, answer: reference_data.parse_prices(
            tickers, wanted, at=answer.as_of, rejected_rows=answer.rejected_rows
        ),
    )
