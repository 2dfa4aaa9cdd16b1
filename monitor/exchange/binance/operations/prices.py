"""Reads of last prices."""

from collections.abc import Iterable, Mapping

from monitor.core.model.account import Price
from monitor.exchange.binance.api.endpoint_function import ReadFunction
from monitor.exchange.binance.api.market import get_all_tickers
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations.symbol_requests import request_symbols
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.market_data import LastPriceRow

PRICES_SHARED_S = 1.0
"""Exchange seconds for which read prices serve other accounts."""


async def read_prices(transport: Transport, symbols: Iterable[str]) -> Mapping[str, Price]:
    """Return the last prices, read now; symbols that the exchange does not know are left out."""
    wanted = frozenset(symbols)
    return await _read(get_all_tickers, transport, wanted, wanted)


async def read_shared_prices(
    transport: Transport, symbols: frozenset[str], everyone: frozenset[str]
) -> Mapping[str, Price]:
    """Return the last prices of `symbols` out of one answer for all accounts, which need the symbols `everyone`."""
    return await _read(get_all_tickers.shared_for(PRICES_SHARED_S), transport, symbols, everyone)


async def _read(
    function: ReadFunction[..., list[LastPriceRow]],
    transport: Transport,
    wanted: frozenset[str],
    requested: frozenset[str],
) -> Mapping[str, Price]:
    if not wanted:
        return {}

    def translated(tickers: Iterable[LastPriceRow], answer: ApiResponse) -> Mapping[str, Price]:
        return reference_data.parse_prices(tickers, wanted, at=answer.as_of, rejected_rows=answer.rejected_rows)

    return await request_symbols(requested, lambda names: function.fetch(transport, translated, symbols=names))
