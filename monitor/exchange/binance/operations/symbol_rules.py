"""The rules of the symbols that a margin account could trade with."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from monitor.core.model.symbols import Market
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.errors import ExchangeRefused
from monitor.exchange.binance.api.market import get_exchange_info, get_margin_all_pairs
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate.plain_values import exact
from monitor.exchange.binance.wire.field_types import Amount
from monitor.exchange.binance.wire.market_data import Filter, MarginPair, SymbolRules

_BAD_SYMBOL = -1121
_MOST_NAMED = 100
_OFF_TICK = exact(Amount("1E-8"))
"""The step of a rule that is switched off: that of every amount."""


async def read_markets(
    transport: Transport, assets: Iterable[str], isolated: Iterable[str], valuing: Iterable[str] = ()
) -> Mapping[str, Market]:
    """The symbols between `assets` that cross margin trades, those of isolated pairs, and those that only value.

    Of the last the exchange must know every one; of them nothing is bought or sold.
    """
    wanted = frozenset(assets)
    pairs = await get_margin_all_pairs(transport) if len(wanted) > 1 else []
    listed = {pair.symbol: pair for pair in pairs if pair.base in wanted and pair.quote in wanted}
    traded = listed.keys() | set(isolated)
    rules = await _rules(transport, sorted(traded | set(valuing)))
    found = (_market(one, listed.get(one.symbol), is_traded=one.symbol in traded) for one in rules)
    return {market.symbol: market for market in found}


async def _rules(transport: Transport, symbols: Sequence[str]) -> list[SymbolRules]:
    if not symbols:
        return []
    wanted = frozenset(symbols)
    if len(symbols) <= _MOST_NAMED:
        try:
            info = await get_exchange_info(transport, symbols=msgspec.json.encode(list(symbols)).decode())
        except ExchangeRefused as refusal:
            # One unknown symbol spoils the whole request, and the answer does not say which.
            if refusal.venue_code != _BAD_SYMBOL:
                raise
        else:
            return [rules for rules in info.symbols if rules.symbol in wanted]
    info = await get_exchange_info(transport)
    return [rules for rules in info.symbols if rules.symbol in wanted]


def _market(rules: SymbolRules, pair: MarginPair | None, *, is_traded: bool) -> Market:
    price, lot = _filter(rules, "PRICE_FILTER"), _filter(rules, "LOT_SIZE")
    worth = _filter(rules, "NOTIONAL") or _filter(rules, "MIN_NOTIONAL")
    trades = is_traded and (pair is None or pair.is_margin_trade)
    return Market(
        symbol=rules.symbol,
        base=rules.base_asset,
        quote=rules.quote_asset,
        tick=exact((price and price.tick_size) or _OFF_TICK),
        step=exact((lot and lot.step_size) or _OFF_TICK),
        min_quantity=exact((lot and lot.min_qty) or ZERO),
        max_quantity=exact((lot and lot.max_qty) or INFINITE),
        min_notional=exact((worth and worth.min_notional) or ZERO),
        max_notional=exact((worth and worth.max_notional) or INFINITE),
        is_open=rules.status == "TRADING" and "LIMIT" in rules.order_types and rules.is_margin_trading_allowed,
        status=rules.status,
        buys=trades and (pair is None or pair.is_buy_allowed),
        sells=trades and (pair is None or pair.is_sell_allowed),
        in_cross=pair is not None,
    )


def _filter(rules: SymbolRules, kind: str) -> Filter | None:
    return next((one for one in rules.filters if one.filter_type == kind), None)
