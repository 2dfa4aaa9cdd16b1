"""Reads of last prices."""

from collections.abc import Iterable, Mapping

from monitor.core.model.account import Price
from monitor.exchange.binance.api.market import get_all_tickers
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations.symbol_requests import request_symbols
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.market_data import LastPriceRow


async def read_prices(transport: Transport, symbols: Iterable[str]) -> Mapping[str, Price]:
    """Return the last prices; symbols that the exchange does not know are left out."""
    wanted = frozenset(symbols)
    if not wanted:
        return {}

    def translated(tickers: Iterable[LastPriceRow], answer: ApiResponse) -> Mapping[str, Price]:
        return reference_data.parse_prices(tickers, wanted, at=answer.as_of, rejected_rows=answer.rejected_rows)

    return await request_symbols(wanted, lambda names: get_all_tickers.fetch(transport, translated, symbols=names))
