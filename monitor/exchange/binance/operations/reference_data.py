"""Reads of reference data: trading rules, schedules, restrictions, tags, ratios, index prices, past prices."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import CollateralTier, Price
from monitor.core.model.lending_terms import Delisting, Restrictions
from monitor.core.model.price_history import HourSpan, PriceBar
from monitor.core.model.symbols import TradingRules
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
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations import hourly_bars
from monitor.exchange.binance.operations.symbol_requests import request_symbols
from monitor.exchange.binance.translate.reference_data import (
    parse_asset_tags,
    parse_collateral_tiers,
    parse_delisting,
    parse_min_repay,
    parse_restricted_assets,
    parse_trading_rules,
)
from monitor.exchange.binance.wire.market_data import MinRepayRow
from monitor.exchange.binance.wire.plain_values import to_datetime, to_decimal


class BinanceReferenceDataSource:
    """Implementation of `exchange.port.ReferenceDataSource`; `transport` sends the reading key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def read_symbol_rules(
        self, assets: Iterable[str], isolated: Iterable[str], valuing: Iterable[str] = ()
    ) -> Mapping[str, TradingRules]:
        """Return the rules of symbols between `assets` in cross margin, of isolated pairs, and of `valuing` symbols.

        The exchange must know every `valuing` symbol; these symbols serve for prices alone and are never traded.
        """
        wanted = frozenset(assets)
        pairs = await get_margin_all_pairs(self._transport) if len(wanted) > 1 else []
        listed = {pair.symbol: pair for pair in pairs if pair.base in wanted and pair.quote in wanted}
        traded = listed.keys() | set(isolated)
        asked = traded | set(valuing)
        if not asked:
            return {}
        info = await request_symbols(asked, lambda names: get_exchange_info(self._transport, symbols=names))
        return {
            row.symbol: parse_trading_rules(row, listed.get(row.symbol), is_traded=row.symbol in traded)
            for row in info.symbols
            if row.symbol in asked
        }

    async def read_delistings(self) -> tuple[Delisting, ...]:
        """Return the assets and pairs that leave margin trading, and when."""
        return tuple(parse_delisting(row) for row in await get_margin_delist_schedule(self._transport))

    async def read_restricted_assets(self) -> Restrictions:
        """Return assets that can't be bought on credit, or can't be transferred in as collateral."""
        return parse_restricted_assets(await get_margin_restricted_assets(self._transport))

    async def read_asset_tags(self) -> Mapping[str, frozenset[str]]:
        """Return the spot-market tags by asset; assets without any may be missing."""
        return parse_asset_tags(await get_spot_asset_tags(self._transport))

    async def read_collateral_ratios(self) -> Mapping[str, tuple[CollateralTier, ...]]:
        """Return the share of value that counts as collateral, by asset."""
        return parse_collateral_tiers(await get_cross_margin_collateral_ratio(self._transport))

    async def read_min_repay(self) -> Mapping[str, Decimal]:
        """Return the smallest repayment of a debt by asset; assets without one are missing."""
        return parse_min_repay(await get_margin_all_assets.with_answer(list[MinRepayRow])(self._transport))

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
