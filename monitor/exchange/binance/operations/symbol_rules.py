"""Reads of the trading rules of symbols."""

from collections.abc import Iterable, Mapping

from monitor.core.model.symbols import TradingRules
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.exchange.binance.api.market import get_exchange_info, get_margin_all_pairs
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.operations.symbol_requests import request_symbols
from monitor.exchange.binance.wire.field_types import DecimalText
from monitor.exchange.binance.wire.market_data import MarginPairRow, SymbolFilterRow, SymbolRow
from monitor.exchange.binance.wire.plain_values import to_decimal

_DEFAULT_STEP = to_decimal(DecimalText("1E-8"))
"""Step of a filter that is switched off: that of every amount."""


async def read_symbol_rules(
    transport: Transport, assets: Iterable[str], isolated: Iterable[str], valuing: Iterable[str] = ()
) -> Mapping[str, TradingRules]:
    """Return the rules of symbols between `assets` in cross margin, of isolated pairs, and of `valuing` symbols.

    The exchange must know every `valuing` symbol; these symbols serve for prices alone and are never traded.
    """
    wanted = frozenset(assets)
    pairs = await get_margin_all_pairs(transport) if len(wanted) > 1 else []
    listed = {pair.symbol: pair for pair in pairs if pair.base in wanted and pair.quote in wanted}
    traded = listed.keys() | set(isolated)
    asked = traded | set(valuing)
    if not asked:
        return {}
    info = await request_symbols(asked, lambda names: get_exchange_info(transport, symbols=names))
    rules = (row for row in info.symbols if row.symbol in asked)
    found = (_parse_rules(row, listed.get(row.symbol), is_traded=row.symbol in traded) for row in rules)
    return {market.symbol: market for market in found}


def _parse_rules(rules: SymbolRow, pair: MarginPairRow | None, *, is_traded: bool) -> TradingRules:
    price, lot = _find_filter(rules, "PRICE_FILTER"), _find_filter(rules, "LOT_SIZE")
    worth = _find_filter(rules, "NOTIONAL") or _find_filter(rules, "MIN_NOTIONAL")
    trades = is_traded and (pair is None or pair.is_margin_trade)
    return TradingRules(
        symbol=rules.symbol,
        base=rules.base_asset,
        quote=rules.quote_asset,
        tick_size=to_decimal((price and price.tick_size) or _DEFAULT_STEP),
        lot_step=to_decimal((lot and lot.step_size) or _DEFAULT_STEP),
        min_quantity=to_decimal((lot and lot.min_qty) or ZERO),
        max_quantity=to_decimal((lot and lot.max_qty) or INFINITE),
        min_notional=to_decimal((worth and worth.min_notional) or ZERO),
        max_notional=to_decimal((worth and worth.max_notional) or INFINITE),
        is_open=rules.status == "TRADING" and "LIMIT" in rules.order_types and rules.is_margin_trading_allowed,
        status=rules.status,
        can_buy=trades and (pair is None or pair.is_buy_allowed),
        can_sell=trades and (pair is None or pair.is_sell_allowed),
        is_in_cross=pair is not None,
    )


def _find_filter(rules: SymbolRow, kind: str) -> SymbolFilterRow | None:
    return next((row for row in rules.filters if row.filter_type == kind), None)
