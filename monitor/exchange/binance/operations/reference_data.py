"""Reads of reference data: trading rules, schedules, restrictions, tags, ratios, prices of now and of the past."""

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TypeVar

from monitor.clock import Clock
from monitor.core.model.account import CollateralTier, Price
from monitor.core.model.lending_terms import Delisting, Restrictions
from monitor.core.model.price_history import HourSpan, PriceBar
from monitor.core.model.symbols import TradingRules
from monitor.exchange.binance.api.endpoint_function import ReadFunction
from monitor.exchange.binance.api.market import (
    get_cross_margin_collateral_ratio,
    get_exchange_info,
    get_margin_all_assets,
    get_margin_all_pairs,
    get_margin_delist_schedule,
    get_margin_price_index,
    get_margin_restricted_assets,
    get_spot_asset_tags,
)
from monitor.exchange.binance.api.rejected_rows import drop_rows_of_others
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations import hourly_bars, prices
from monitor.exchange.binance.operations.symbol_requests import note_names, request_shared_symbols
from monitor.exchange.binance.shared_answers import SharedAnswers
from monitor.exchange.binance.translate.reference_data import (
    parse_asset_tags,
    parse_collateral_tiers,
    parse_delisting,
    parse_min_repay,
    parse_restricted_assets,
    parse_trading_rules,
)
from monitor.exchange.binance.wire.market_data import ExchangeInfoPayload, MarginPairRow, MinRepayRow
from monitor.exchange.binance.wire.plain_values import to_datetime, to_decimal
from monitor.exchange.port import MarketAnswer

T = TypeVar("T")
U = TypeVar("U")


class BinanceReferenceDataSource:
    """Implementation of `exchange.port.ReferenceDataSource`; `transport` sends the reading key.

    Its answers serve all accounts of `shared_answers` that ask about the same time.
    """

    def __init__(self, account: str, transport: Transport, shared_answers: SharedAnswers, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._transport = transport
        self._shared_answers = shared_answers

    async def read_prices(self, symbols: Iterable[str]) -> Mapping[str, Price]:
        """Return the last prices, out of one answer with the symbols of all accounts."""
        return await prices.read_shared_prices(self._transport, frozenset(symbols), self._shared_answers, self._account)

    async def read_symbol_rules(
        self, assets: Iterable[str], isolated: Iterable[str], valuing: Iterable[str] = ()
    ) -> MarketAnswer[Mapping[str, TradingRules]]:
        """Return the rules of symbols between `assets` in cross margin, of isolated pairs, and of `valuing` symbols.

        The exchange must know every `valuing` symbol; these symbols serve for prices alone and are never traded.
        """
        wanted = frozenset(assets)
        pairs: list[MarginPairRow] = []
        if len(wanted) > 1:
            pairs = await get_margin_all_pairs.fetch(self._transport, partial(_read_pairs, wanted))
        listed = {pair.symbol: pair for pair in pairs if pair.base in wanted and pair.quote in wanted}
        traded = listed.keys() | set(isolated)
        asked = traded | set(valuing)
        infos = await request_shared_symbols(
            self._shared_answers,
            "rules",
            self._account,
            asked,
            lambda names: get_exchange_info.fetch(
                self._transport,
                partial(_read_info, asked),
                symbols=names,
            ),
        )
        rules = {
            row.symbol: parse_trading_rules(row, listed.get(row.symbol), is_traded=row.symbol in traded)
            for info in infos
            for row in info.content.symbols
            if row.symbol in asked
        }
        return MarketAnswer(rules, min((info.as_of for info in infos), default=self._clock.now()))

    async def read_delistings(self) -> MarketAnswer[tuple[Delisting, ...]]:
        """Return the assets and pairs that leave margin trading, and when."""
        return await self._read(get_margin_delist_schedule, lambda rows: tuple(parse_delisting(row) for row in rows))

    async def read_restricted_assets(self) -> MarketAnswer[Restrictions]:
        """Return assets that can't be bought on credit, or can't be transferred in as collateral."""
        return await self._read(get_margin_restricted_assets, parse_restricted_assets)

    async def read_asset_tags(self) -> MarketAnswer[Mapping[str, frozenset[str]]]:
        """Return the spot-market tags by asset; assets without any may be missing."""
        return await self._read(get_spot_asset_tags, parse_asset_tags)

    async def read_collateral_ratios(self) -> MarketAnswer[Mapping[str, tuple[CollateralTier, ...]]]:
        """Return the share of value that counts as collateral, by asset."""
        return await self._read(get_cross_margin_collateral_ratio, parse_collateral_tiers)

    async def read_min_repay(self) -> MarketAnswer[Mapping[str, Decimal]]:
        """Return the smallest repayment of a debt by asset; assets without one are missing."""
        return await self._read(get_margin_all_assets.with_answer(list[MinRepayRow]), parse_min_repay)

    async def read_index_price(self, symbol: str) -> Price:
        """Return the margin index price of one symbol."""
        answer = await get_margin_price_index(self._transport, symbol=symbol)
        return Price(to_decimal(answer.price), to_datetime(answer.calc_time))

    async def read_hourly_bars(self, symbol: str, span: HourSpan) -> tuple[PriceBar, ...]:
        """Return the finished bars of a symbol in the span, oldest first."""
        return await hourly_bars.read_hourly_bars(self._transport, symbol, span)

    def take_rejected_bars(self) -> tuple[str, ...]:
        """Return the bars left out of answers since the last call, and why."""
        return hourly_bars.take_rejected_bars(self._transport)

    async def read_listing_time(self, symbol: str) -> datetime | None:
        """Return the open of a symbol's first bar; None if there is none."""
        return await hourly_bars.read_listing_time(self._transport, symbol)

    async def _read(self, function: ReadFunction[..., T], parse: Callable[[T], U]) -> MarketAnswer[U]:
        return await function.fetch(self._transport, lambda content, answer: MarketAnswer(parse(content), answer.as_of))


def _read_pairs(assets: frozenset[str], rows: list[MarginPairRow], answer: ApiResponse) -> list[MarginPairRow]:
    drop_rows_of_others(answer, {base + quote for base in assets for quote in assets})
    return rows


def _read_info(
    symbols: Container[str], info: ExchangeInfoPayload, answer: ApiResponse
) -> tuple[MarketAnswer[ExchangeInfoPayload], frozenset[str] | None]:
    names = note_names((row.symbol for row in info.symbols), answer)
    drop_rows_of_others(answer, symbols)
    return MarketAnswer(info, answer.as_of), names
