"""Sell collateral for what is owed, or buy back what is short: one order with a price bound, repaid with at once."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.actions.position import FEE, Row, Standing
from monitor.core.actions.proposal import (
    LEAST_WORTH,
    SMALLEST_REST,
    UNLIMITED,
    Allowance,
    Nothing,
    Proposal,
    debt_soon,
)
from monitor.core.actions.spec import ActionSpec
from monitor.core.margin.sizing import sell_to_reach
from monitor.core.model.order import Reduce, Side
from monitor.core.model.symbols import Market
from monitor.core.numbers.amounts import EIGHT, ONE, ZERO, ceil_to, floor_to, plain

_FOREVER = Decimal("1E30")
_REPAY_FIRST = "repay it from what is free first"


@dataclass(frozen=True, slots=True)
class _Way:
    """An asset that is held, traded for a debt."""

    market: Market
    side: Side
    sells: str
    debt: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What sizes an order: the target (None: an amount does), the limits, and what is owed in USDT."""

    target: Decimal | None
    spec: ActionSpec
    allowance: Allowance
    debt: Decimal


@dataclass(frozen=True, slots=True)
class _Trade:
    """One way, sized: at the last price, and at the worst that is taken. `broken` is the rule that it breaks.

    `worth` is what may be given of the asset that is sold, `brings` what comes in for it, in USDT.
    """

    way: _Way
    price: Decimal
    bound: Decimal
    quantity: Decimal
    is_enough: bool
    worth: Decimal
    brings: Decimal
    broken: str | None

    @property
    def rank(self) -> tuple[bool, Decimal, Decimal]:
        """Enough before too little, then that of which most may be given, then what brings most."""
        return self.is_enough, self.worth, self.brings


def propose(
    standing: Standing,
    spec: ActionSpec,
    target: Decimal | None,
    now: datetime,
    allowance: Allowance = UNLIMITED,
    *,
    busy: frozenset[str] = frozenset(),
) -> Proposal | Nothing:
    """The order that brings the level to `target` at the last price, as far as what is free and the allowance go.

    It gives no more than is free and held beyond what is owed of the same, and brings no more than is owed beyond what
    is held: the net of each asset is made smaller, never turned round. Sized by the fee alone; the bound keeps a worse
    price away, and what it leaves undone is another order's. What is in `busy` is part of an order of unknown outcome.
    """
    owed = {a: r for a, r in standing.rows.items() if r.balance.owed > ZERO and spec.asset in (None, a)}
    if not owed:
        return Nothing(f"{spec.asset} is not owed" if spec.asset else "nothing is owed")
    refusal = _why_useless(standing, spec, target)
    if refusal is not None:
        return refusal
    debts = {asset: row for asset, row in owed.items() if asset not in busy}
    if not debts:
        return Nothing(
            f"what became of an order for {', '.join(sorted(owed))} is not known; `actions resolve` settles it",
            blocked=True,
        )
    held = {a: r for a, r in standing.rows.items() if a in (spec.sell or standing.rows) and a not in busy}
    if not standing.markets.knows(standing.scope.symbol, debts.keys() | held.keys()):
        return Nothing(
            "the rules of the symbols are not known yet; trade by hand", blocked=True, wants=frozenset({"markets"})
        )
    ways = [
        _Way(market, "SELL" if market.base == sells else "BUY", sells, debt)
        for debt in sorted(debts)
        for sells in sorted(held)
        if sells != debt and (market := _market(standing, sells, debt)) is not None
    ]
    wanted = _Wanted(target, spec, allowance, debt_soon(standing, now))
    trades = [trade for way in ways if (trade := _trade(standing, way, wanted)) is not None]
    if not trades:
        return _empty(ways, standing, debts, held)
    possible = [trade for trade in trades if trade.broken is None]
    if not possible:
        best = max(trades, key=lambda trade: trade.rank)
        return Nothing(
            f"{plain(best.quantity)} {best.way.market.base} would be {best.broken}; bring money in", blocked=True
        )
    return _order(standing, spec, max(possible, key=lambda trade: trade.rank))


def _why_useless(standing: Standing, spec: ActionSpec, target: Decimal | None) -> Nothing | None:
    """Why trading would not help, whatever is traded: the worst that it may cost eats what it brings."""
    kept = (ONE - FEE) * (ONE - spec.max_slippage)
    if target is not None and standing.level >= target:
        return Nothing("the target is reached")
    if standing.level * kept <= ONE:
        least = ceil_to(ONE / kept, Decimal("0.0001"))
        return Nothing(
            f"trading may cost {plain((ONE - kept) * 100)} %, which lowers a level below {plain(least)}; "
            "lower max_slippage, or bring money in",
            blocked=True,
        )
    if target is not None and target * kept <= ONE:
        return Nothing(f"trading can't lead to a level of {plain(target)}; bring money in", blocked=True)
    return None


def _market(standing: Standing, sells: str, debt: str) -> Market | None:
    """The symbol by which the scope trades one for the other, if it may now."""
    market = standing.markets.between(sells, debt)
    if standing.scope.symbol:
        market = standing.markets.by_symbol.get(standing.scope.symbol)
        market = market if market is not None and {market.base, market.quote} == {sells, debt} else None
    side: Side = "SELL" if market is not None and market.base == sells else "BUY"
    return market if market is not None and market.takes(side) else None


def _trade(standing: Standing, way: _Way, wanted: _Wanted) -> _Trade | None:
    """The way with its figures; None where nothing is free, allowed, or priced, or where it would not help."""
    market, spec = way.market, wanted.spec
    sold, owing = standing.rows[way.sells], standing.rows[way.debt]
    price = standing.last_price(market.symbol)
    bound = ZERO if not price else market.bound(way.side, price, spec.max_slippage)
    if not price or bound <= ZERO:
        return None
    spare, lacking = sold.spare, owing.lacking
    # Should the price move as far for us as it may against us, the caps still hold, and no more comes in than is owed.
    leeway = ONE + spec.max_slippage
    allowed = wanted.allowance.of(owing.price) / leeway
    if way.side == "SELL":
        whole = min(lacking / leeway, lacking - SMALLEST_REST / owing.price) / price
        most = min(spare, allowed / price)
    else:
        whole, most = lacking, min(spare / bound, allowed)
    whole = floor_to(max(ZERO, whole), market.step)
    most = min(most, whole, market.largest(price))
    needed = _needed(standing, way, wanted, price)
    if most <= ZERO or needed is None:
        return None
    # Of less, at the worst price that is taken, the exchange would not let us repay.
    least = owing.min_repay / (ONE - FEE) / (bound if way.side == "SELL" else ONE)
    needed = max(needed, least)
    quantity = ceil_to(min(needed, whole), market.step)
    if quantity > most:
        quantity = floor_to(min(needed, most), market.step)
    if way.side == "BUY" and (owing.balance.owed - quantity) * owing.price < SMALLEST_REST and whole <= most:
        # The exchange would refuse to repay all but so little.
        quantity = whole
    broken = market.why_not(quantity, min(bound, price))
    if broken is None and quantity < least:
        broken = (
            f"too little to repay {way.debt} with, of which the exchange takes no less than {plain(owing.min_repay)}"
        )
    if broken is None and quantity * price * standing.rows[market.quote].price < LEAST_WORTH:
        broken = f"worth less than {LEAST_WORTH} USDT"
    brings = quantity * (price if way.side == "SELL" else ONE) * owing.price
    return _Trade(way, price, bound, quantity, quantity >= min(needed, whole), spare * sold.price, brings, broken)


def _needed(standing: Standing, way: _Way, wanted: _Wanted, price: Decimal) -> Decimal | None:
    """How much of the base reaches the target; None where the cost eats the effect.

    The level follows the index and the order the last trade: what lies between them is cost, or gain, too.
    """
    market = way.market
    base, quote = standing.rows[market.base].price, standing.rows[market.quote].price * price
    if wanted.target is None:
        amount = wanted.spec.amount if wanted.spec.amount is not None else _FOREVER
        return amount / price if way.side == "SELL" else amount
    kept = (ONE - FEE) * (quote / base if way.side == "SELL" else base / quote)
    if wanted.target * kept <= ONE:
        return None
    value = sell_to_reach(wanted.target, standing.assets, wanted.debt, ONE - kept)
    if not value.is_finite():
        return None
    return value / (base if way.side == "SELL" else quote)


def _empty(ways: list[_Way], standing: Standing, debts: dict[str, Row], held: dict[str, Row]) -> Nothing:
    owed = ", ".join(sorted(debts))
    if not ways:
        return Nothing(f"nothing held in {standing.scope} trades for {owed} now; bring money in", blocked=True)
    both = _held_and_owed(ways, held, debts)
    if both:
        return Nothing(f"{both} is held as well as owed, and trading would turn it round; {_REPAY_FIRST}", blocked=True)
    if any(held[way.sells].balance.free > ZERO for way in ways):
        spent = f"the limits leave nothing to trade for {owed}, or it would cost too much"
        return Nothing(f"{spent}; raise them, or trade by hand", blocked=True)
    names = ", ".join(sorted({way.sells for way in ways}))
    are_locked = any(held[way.sells].balance.locked > ZERO for way in ways)
    hand = " (some is locked in orders); cancel them" if are_locked else "; bring money in"
    return Nothing(f"no free {names} in {standing.scope} to trade for {owed}{hand}", blocked=True)


def _held_and_owed(ways: list[_Way], held: dict[str, Row], debts: dict[str, Row]) -> str:
    """What is in every way because it is owed as much as it is held; empty where a way is free of that."""
    found: set[str] = set()
    for way in ways:
        sold, owing = held[way.sells], debts[way.debt]
        if sold.balance.free <= ZERO:
            continue
        if sold.spare > ZERO and owing.lacking > ZERO:
            return ""
        found.add(way.sells if sold.spare <= ZERO else way.debt)
    return ", ".join(sorted(found))


def _order(standing: Standing, spec: ActionSpec, trade: _Trade) -> Proposal:
    way, quantity = trade.way, trade.quantity
    brought = floor_to(quantity * trade.price, EIGHT) if way.side == "SELL" else quantity
    order = Reduce(standing.scope, way.debt, brought, way.market.symbol, way.side, quantity, trade.bound, way.sells)
    what = f"sell {plain(quantity)} {way.sells} for the {way.debt} owed"
    if way.side == "BUY":
        what = f"buy {plain(quantity)} of the {way.debt} owed with {way.sells}"
    worth = brought * standing.rows[way.debt].price
    after = standing.after(order).level
    reason = f"{what}, at {plain(trade.bound)} or better"
    return Proposal(spec.name, "reduce", order, worth, standing.level, after, reason, "repay")
