"""Trading rules of symbols, and open orders."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from monitor.core.model.order import OrderSide
from monitor.core.numbers.amounts import INFINITE, ZERO, ceil_to, floor_to

TRADING_STATUS = "TRADING"
"""The only status under which a symbol is traded."""


@dataclass(frozen=True, slots=True)
class TradingRules:
    """Trading rules of one symbol: its two assets, and the steps and bounds of its orders.

    `is_open`: orders are accepted now. `can_buy` and `can_sell`: a margin account may buy or sell.
    """

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_step: Decimal
    min_quantity: Decimal = ZERO
    max_quantity: Decimal = INFINITE
    min_notional: Decimal = ZERO
    max_notional: Decimal = INFINITE
    is_open: bool = True
    status: str = TRADING_STATUS
    """The exchange's own status."""
    can_buy: bool = True
    can_sell: bool = True
    is_in_cross: bool = True
    """True if cross trades the symbol; a pair may exist for isolated margin alone."""

    @property
    def is_traded(self) -> bool:
        """True if the symbol is traded at all, by margin accounts or not."""
        return self.status == TRADING_STATUS

    def accepts(self, side: OrderSide) -> bool:
        """Return whether a margin account may trade on this side now."""
        return self.is_open and (self.can_buy if side == "BUY" else self.can_sell)

    def worst_price(self, side: OrderSide, price: Decimal, slippage: Decimal) -> Decimal:
        """Return the worst acceptable fill price of an order, on the tick; never worse than `slippage` off `price`."""
        if side == "SELL":
            return ceil_to(price * (1 - slippage), self.tick_size)
        return floor_to(price * (1 + slippage), self.tick_size)

    def broken_rule(self, quantity: Decimal, price: Decimal) -> str | None:
        """Return the rule that an order of this quantity at this price would break; None when it keeps them all."""
        if quantity <= ZERO or quantity < self.min_quantity:
            return f"less than the least lot of {self.symbol}"
        if quantity * price < self.min_notional:
            return f"worth less than the least order on {self.symbol}"
        return None

    def max_order_quantity(self, price: Decimal) -> Decimal:
        """Return the largest quantity that one order at this price may have."""
        return min(self.max_quantity, self.max_notional / price)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An open order: its id, symbol and side. The side determines which asset it locks."""

    order_id: int
    symbol: str
    side: OrderSide


@dataclass(frozen=True, slots=True)
class SymbolRulebook:
    """The known trading rules by symbol, and the assets for which they were read."""

    by_symbol: Mapping[str, TradingRules] = field(default_factory=dict)
    assets: frozenset[str] = frozenset()

    def between(self, first: str, second: str) -> TradingRules | None:
        """Return the rules of the symbol by which cross trades the two assets for each other; None if there is none."""
        wanted = {first, second}
        return next((m for m in self.by_symbol.values() if m.is_in_cross and {m.base, m.quote} == wanted), None)

    def covers(self, symbol: str, assets: Iterable[str]) -> bool:
        """Return whether the symbol of an isolated pair, or all of cross between these assets, was read."""
        return symbol in self.by_symbol if symbol else self.assets.issuperset(assets)
