"""Reads of last prices."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from monitor.core.model.account import Price
from monitor.exchange.binance.api.market import get_all_tickers
from monitor.exchange.binance.api.rejected_rows import drop_rows_of_others
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations.symbol_requests import note_names, request_shared_symbols, request_symbols
from monitor.exchange.binance.shared_answers import SharedAnswers
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.market_data import LastPriceRow

PRICES_SHARED_S = 1.0
"""Exchange seconds for which read prices serve other accounts."""


async def read_prices(transport: Transport, symbols: Iterable[str]) -> Mapping[str, Price]:
    """Return the last prices, read now; symbols that the exchange does not know are left out."""
    wanted = frozenset(symbols)
    if not wanted:
        return {}
    return await request_symbols(
        wanted, lambda names: get_all_tickers.fetch(transport, partial(_parse, wanted), symbols=names)
    )


async def read_shared_prices(
    transport: Transport, symbols: frozenset[str], shared_answers: SharedAnswers, account: str
) -> Mapping[str, Price]:
    """Return the last prices of `symbols` out of one answer for all accounts."""

    def translated(
        tickers: Sequence[LastPriceRow], answer: ApiResponse
    ) -> tuple[Mapping[str, Price], frozenset[str] | None]:
        found = _parse(symbols, tickers, answer)
        names = note_names((ticker.symbol for ticker in tickers), answer)
        drop_rows_of_others(answer, symbols)
        return found, names

    tickers = get_all_tickers.shared_for(PRICES_SHARED_S)
    # All prices weigh what a list of them does.
    answers = await request_shared_symbols(
        shared_answers,
        "prices",
        account,
        symbols,
        lambda names: tickers.fetch(transport, translated, symbols=names),
        max_lists=1,
    )
    return answers[0] if answers else {}


def _parse(wanted: frozenset[str], tickers: Iterable[LastPriceRow], answer: ApiResponse) -> Mapping[str, Price]:
    return reference_data.parse_prices(tickers, wanted, at=answer.as_of, rejected_rows=answer.rejected_rows)
