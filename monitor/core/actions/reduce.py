"""Action kind `reduce`: one priced order that sells collateral for a debt, or buys it back, then repays."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.actions.proposal import (
    MIN_ORDER_USDT,
    MIN_REMAINDER_USDT,
    UNLIMITED,
    Allowance,
    NoProposal,
    Proposal,
    debt_with_next_interest,
)
from monitor.core.actions.scope_position import TRADING_FEE, AssetPosition, ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.margin.sizing import sell_to_reach
from monitor.core.model.order import OrderSide, Reduce
from monitor.core.model.symbols import TradingRules
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, ZERO, ceil_to, floor_to, format_decimal

_NO_LIMIT = Decimal("1E30")
_REPAY_FIRST = "repay it from what is free first"


@dataclass(frozen=True, slots=True)
class _Route:
    """Trade of an asset that is held for a debt, by one symbol."""

    symbol_rules: TradingRules
    side: OrderSide
    sell_asset: str
    debt: str


@dataclass(frozen=True, slots=True)
class _Sizing:
    """Input of sizing: the target level (None: an amount sizes the order), the limits, and the debt in USDT."""

    target: Decimal | None
    spec: ActionSpec
    allowance: Allowance
    debt: Decimal


@dataclass(frozen=True, slots=True)
class _Trade:
    """A sized route. `bound` is the worst price accepted, `violation` the trading rule that the trade breaks, if any.

    `sellable_usdt` is the value that may be sold of the asset, `proceeds_usdt` the value that the trade brings.
    """

    route: _Route
    price: Decimal
    bound: Decimal
    quantity: Decimal
    is_enough: bool
    sellable_usdt: Decimal
    proceeds_usdt: Decimal
    violation: str | None

    @property
    def rank(self) -> tuple[bool, Decimal, Decimal]:
        """Rank of the trade: enough before too little, then the largest sellable value, then the largest proceeds."""
        return self.is_enough, self.sellable_usdt, self.proceeds_usdt


def propose_reduction(
    position: ScopePosition,
    spec: ActionSpec,
    target: Decimal | None,
    now: datetime,
    allowance: Allowance = UNLIMITED,
    *,
    unsettled: frozenset[str] = frozenset(),
) -> Proposal | NoProposal:
    """Propose the order that brings the level to `target` at the last price, within free balances and allowance.

    The order sells no more than is free and held beyond the debt of the same asset, and brings no more than the debt
    beyond the amount held: it makes the net balance of each asset smaller and never changes its sign. The size includes
    the fee but no slippage; the price bound excludes worse prices, and a later order covers the remainder. Assets in
    `unsettled` are part of an order of unknown outcome.
    """
    owed = {a: r for a, r in position.by_asset.items() if r.balance.owed > ZERO and spec.asset in (None, a)}
    if not owed:
        return NoProposal(f"{spec.asset} is not owed" if spec.asset else "nothing is owed")
    refusal = _why_no_help(position, spec, target)
    if refusal is not None:
        return refusal
    debts = {asset: row for asset, row in owed.items() if asset not in unsettled}
    if not debts:
        return NoProposal(
            f"what became of an order for {', '.join(sorted(owed))} is not known; `actions resolve` settles it",
            is_blocked=True,
        )
    held = {a: r for a, r in position.by_asset.items() if a in (spec.sell or position.by_asset) and a not in unsettled}
    if not position.symbol_rules.covers(position.scope.symbol, debts.keys() | held.keys()):
        return NoProposal(
            "the rules of the symbols are not known yet; trade by hand",
            is_blocked=True,
            requested_reads=frozenset({"markets"}),
        )
    routes = [
        _Route(market, "SELL" if market.base == sells else "BUY", sells, debt)
        for debt in sorted(debts)
        for sells in sorted(held)
        if sells != debt and (market := _tradable_symbol(position, sells, debt)) is not None
    ]
    sizing = _Sizing(target, spec, allowance, debt_with_next_interest(position, now))
    trades = [trade for way in routes if (trade := _size_trade(position, way, sizing)) is not None]
    if not trades:
        return _no_trade(routes, position, debts, held)
    possible = [trade for trade in trades if trade.violation is None]
    if not possible:
        best = max(trades, key=lambda trade: trade.rank)
        return NoProposal(
            f"{format_decimal(best.quantity)} {best.route.symbol_rules.base} would be {best.violation}; bring money in",
            is_blocked=True,
        )
    return _proposal(position, spec, max(possible, key=lambda trade: trade.rank))


def _why_no_help(position: ScopePosition, spec: ActionSpec, target: Decimal | None) -> NoProposal | None:
    """Reason why no trade would help, because its worst cost uses up its proceeds; None if a trade may help."""
    kept_share = (ONE - TRADING_FEE) * (ONE - spec.max_slippage)
    if target is not None and position.level >= target:
        return NoProposal("the target is reached")
    if position.level * kept_share <= ONE:
        least = ceil_to(ONE / kept_share, Decimal("0.0001"))
        return NoProposal(
            f"trading may cost {format_decimal((ONE - kept_share) * 100)} %, which lowers a level below "
            f"{format_decimal(least)}; lower max_slippage, or bring money in",
            is_blocked=True,
        )
    if target is not None and target * kept_share <= ONE:
        return NoProposal(f"trading can't lead to a level of {format_decimal(target)}; bring money in", is_blocked=True)
    return None


def _tradable_symbol(position: ScopePosition, sell_asset: str, debt: str) -> TradingRules | None:
    """Trading rules of the symbol by which the scope trades one asset for the other; None if it may not trade now."""
    rules = position.symbol_rules.between(sell_asset, debt)
    if position.scope.symbol:
        rules = position.symbol_rules.by_symbol.get(position.scope.symbol)
        rules = rules if rules is not None and {rules.base, rules.quote} == {sell_asset, debt} else None
    side: OrderSide = "SELL" if rules is not None and rules.base == sell_asset else "BUY"
    return rules if rules is not None and rules.accepts(side) else None


def _size_trade(position: ScopePosition, route: _Route, sizing: _Sizing) -> _Trade | None:
    """Size the trade of a route; None if nothing is free, allowed or priced, or if the trade would not help."""
    rules, spec = route.symbol_rules, sizing.spec
    sold, owing = position.by_asset[route.sell_asset], position.by_asset[route.debt]
    price = position.last_price(rules.symbol)
    bound = ZERO if not price else rules.worst_price(route.side, price, spec.max_slippage)
    if not price or bound <= ZERO:
        return None
    sellable, shortfall = sold.sellable, owing.shortfall
    # Even if the price moves in our favour by the slippage, the caps hold and no more comes in than is owed.
    leeway = ONE + spec.max_slippage
    allowed = sizing.allowance.amount_at(owing.price) / leeway
    if route.side == "SELL":
        whole = min(shortfall / leeway, shortfall - MIN_REMAINDER_USDT / owing.price) / price
        max_quantity = min(sellable, allowed / price)
    else:
        whole, max_quantity = shortfall, min(sellable / bound, allowed)
    whole = floor_to(max(ZERO, whole), rules.lot_step)
    max_quantity = min(max_quantity, whole, rules.max_order_quantity(price))
    needed = _needed_quantity(position, route, sizing, price)
    if max_quantity <= ZERO or needed is None:
        return None
    # With the proceeds of less, at the worst price accepted, the exchange would refuse the repayment.
    min_quantity = owing.min_repay / (ONE - TRADING_FEE) / (bound if route.side == "SELL" else ONE)
    needed = max(needed, min_quantity)
    quantity = ceil_to(min(needed, whole), rules.lot_step)
    if quantity > max_quantity:
        quantity = floor_to(min(needed, max_quantity), rules.lot_step)
    if (
        route.side == "BUY"
        and (owing.balance.owed - quantity) * owing.price < MIN_REMAINDER_USDT
        and whole <= max_quantity
    ):
        # The exchange would refuse a repayment that leaves so small a debt.
        quantity = whole
    violation = rules.broken_rule(quantity, min(bound, price))
    if violation is None and quantity < min_quantity:
        least = format_decimal(owing.min_repay)
        violation = f"too little to repay {route.debt} with, of which the exchange takes no less than {least}"
    if violation is None and quantity * price * position.by_asset[rules.quote].price < MIN_ORDER_USDT:
        violation = f"worth less than {MIN_ORDER_USDT} USDT"
    proceeds_usdt = quantity * (price if route.side == "SELL" else ONE) * owing.price
    return _Trade(
        route, price, bound, quantity, quantity >= min(needed, whole), sellable * sold.price, proceeds_usdt, violation
    )


def _needed_quantity(position: ScopePosition, route: _Route, sizing: _Sizing, price: Decimal) -> Decimal | None:
    """Amount of the base asset that reaches the target; None if the cost uses up the effect.

    The level follows the index price and the order the last price: the difference is a cost or a gain as well.
    """
    rules = route.symbol_rules
    base, quote = position.by_asset[rules.base].price, position.by_asset[rules.quote].price * price
    if sizing.target is None:
        amount = sizing.spec.amount if sizing.spec.amount is not None else _NO_LIMIT
        return amount / price if route.side == "SELL" else amount
    kept_share = (ONE - TRADING_FEE) * (quote / base if route.side == "SELL" else base / quote)
    if sizing.target * kept_share <= ONE:
        return None
    value = sell_to_reach(sizing.target, position.assets, sizing.debt, ONE - kept_share)
    if not value.is_finite():
        return None
    return value / (base if route.side == "SELL" else quote)


def _no_trade(
    routes: list[_Route], position: ScopePosition, debts: dict[str, AssetPosition], held: dict[str, AssetPosition]
) -> NoProposal:
    owed = ", ".join(sorted(debts))
    if not routes:
        return NoProposal(f"nothing held in {position.scope} trades for {owed} now; bring money in", is_blocked=True)
    both = _held_and_owed(routes, held, debts)
    if both:
        return NoProposal(
            f"{both} is held as well as owed, and trading would turn it round; {_REPAY_FIRST}", is_blocked=True
        )
    if any(held[way.sell_asset].balance.free > ZERO for way in routes):
        spent = f"the limits leave nothing to trade for {owed}, or it would cost too much"
        return NoProposal(f"{spent}; raise them, or trade by hand", is_blocked=True)
    names = ", ".join(sorted({way.sell_asset for way in routes}))
    are_locked = any(held[way.sell_asset].balance.locked > ZERO for way in routes)
    hand = " (some is locked in orders); cancel them" if are_locked else "; bring money in"
    return NoProposal(f"no free {names} in {position.scope} to trade for {owed}{hand}", is_blocked=True)


def _held_and_owed(routes: list[_Route], held: dict[str, AssetPosition], debts: dict[str, AssetPosition]) -> str:
    """Assets that block every route because they are held as well as owed; empty if one route is not blocked."""
    found: set[str] = set()
    for way in routes:
        sold, owing = held[way.sell_asset], debts[way.debt]
        if sold.balance.free <= ZERO:
            continue
        if sold.sellable > ZERO and owing.shortfall > ZERO:
            return ""
        found.add(way.sell_asset if sold.sellable <= ZERO else way.debt)
    return ", ".join(sorted(found))


def _proposal(position: ScopePosition, spec: ActionSpec, trade: _Trade) -> Proposal:
    route, quantity = trade.route, trade.quantity
    brought = floor_to(quantity * trade.price, EIGHT_DECIMALS) if route.side == "SELL" else quantity
    order = Reduce(
        position.scope,
        route.debt,
        brought,
        route.symbol_rules.symbol,
        route.side,
        quantity,
        trade.bound,
        route.sell_asset,
    )
    what = f"sell {format_decimal(quantity)} {route.sell_asset} for the {route.debt} owed"
    if route.side == "BUY":
        what = f"buy {format_decimal(quantity)} of the {route.debt} owed with {route.sell_asset}"
    worth = brought * position.by_asset[route.debt].price
    after = position.after(order).level
    reason = f"{what}, at {format_decimal(trade.bound)} or better"
    return Proposal(spec.name, "reduce", order, worth, position.level, after, reason, "repay")
