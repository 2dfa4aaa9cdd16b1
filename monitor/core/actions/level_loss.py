"""Whether a confirmed order made things worse: a level lower than before by more than prices explain.

Both levels are worked out by the same prices, those of now: the one of the balances right before the order left, and
the one of the balances that prove it. What may lie between them is allowed for: the interest of the hours that went by,
what an order on the market may lose within its own price bound and the fee, what other orders of this program took out
of the scope, and a thousandth of the level for what was rounded and for interest of an unknown rate. Movements that
other hands made are not: a level that fell while an order was under way is looked at by a person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.decision import ground_of
from monitor.core.actions.position import FEE, LEVEL_STEP, Standing
from monitor.core.margin.levels import Totals, margin_level
from monitor.core.metrics.valuation import price_of
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.intent import SPENT, BalanceBefore, Intent
from monitor.core.model.order import ByName, Reduce, Transfer
from monitor.core.numbers.amounts import EIGHT, ZERO, floor_to, plain
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState

SLACK = Decimal("0.001")
"""The share of the level that counts as no change."""

WORTH_NAMING = Decimal(1)
"""USDT that must be gone of an asset for it to be named."""

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Worsening:
    """The level as prices alone would have it, the level as it is, and what is gone beyond the order, in words."""

    expected: Decimal
    level: Decimal
    gone: str

    @property
    def words(self) -> str:
        """For people, without the number of the order."""
        gone = f"; gone beyond the order: {self.gone}" if self.gone else ""
        return f"the level is {_text(self.level)}, where prices alone explain {_text(self.expected)}{gone}"


@dataclass(frozen=True, slots=True)
class Untold:
    """Whether an order made things worse can't be told, and why not; `is_lasting`: it never can."""

    why: str
    is_lasting: bool = False


def balances_of(state: AccountState, scope: Scope) -> tuple[BalanceBefore, ...]:
    """What is held and owed of each asset of the scope, by the last read; empty where it was never read."""
    found = _balances(state, scope)
    rows = (BalanceBefore(asset, balance.held, balance.owed) for asset, balance in sorted(found.items()))
    return tuple(row for row in rows if row.held or row.owed)


def worsening(state: AccountState, intent: Intent, settings: Settings, now: datetime) -> Worsening | Untold | None:
    """What a confirmed `intent` made worse; None where nothing.

    `state` has the balances that prove the order. It can't be told where these were not read since the order left, or
    an asset whose balance changed has no price.
    """
    read = state.cross if intent.helps == CROSS else state.isolated
    sent = intent.submitted_at
    if not intent.balances_before or sent is None:
        return Untold("the balances of before are not recorded", is_lasting=True)
    if read is None or read.as_of < sent:
        return Untold("its scope was not read since it was sent")
    ground = ground_of(state, intent.plan, intent.helps, {}, settings, (), now)
    before = {row.asset: row for row in intent.balances_before}
    after = _balances(state, intent.helps)
    if ground is None or not after:
        return Untold("the figures of its scope are not known")
    prices = _prices(state, ground.standing, before.keys() | after.keys())
    unpriced = (before.keys() | after.keys()) - prices.keys()
    changed = {asset for asset in unpriced if _net(before, asset) != after.get(asset, Balance(asset)).net}
    if changed:
        return Untold(f"no price is known of {', '.join(sorted(changed))}")
    then = _totals(((row.asset, row.held, row.owed) for row in before.values()), prices)
    present = _totals(((asset, balance.held, balance.owed) for asset, balance in after.items()), prices)
    hours = int((read.as_of - sent) / HOUR) + 1
    interest = sum((row.next_interest * row.price for row in ground.standing.rows.values()), ZERO) * hours
    taken, borrowed = _beside(state, intent, prices)
    assets = then.assets + borrowed - taken - _loss(intent, prices)
    least = margin_level(assets, then.liabilities + borrowed + interest) * (1 - SLACK)
    if not present.liabilities or present.level >= least:
        return None
    return Worsening(then.level, present.level, _gone(intent, before, after, prices))


def _balances(state: AccountState, scope: Scope) -> Mapping[str, Balance]:
    if scope == CROSS:
        return state.cross.balances if state.cross is not None else {}
    pair = state.isolated.pairs.get(scope.symbol) if state.isolated is not None else None
    return {} if pair is None else {side.asset: side for side in (pair.base, pair.quote)}


def _prices(state: AccountState, standing: Standing, assets: Iterable[str]) -> dict[str, Decimal]:
    found = {asset: standing.price(asset) or price_of(asset, state.prices) for asset in assets}
    return {asset: price for asset, price in found.items() if price is not None}


def _loss(intent: Intent, prices: Mapping[str, Decimal]) -> Decimal:
    """What an order on the market may lose, at its own price bound and with the usual fee."""
    order = intent.order
    if not isinstance(order, Reduce):
        return ZERO
    sold, owed = prices.get(order.sells, ZERO), prices.get(order.asset, ZERO)
    if order.side == "SELL":
        given, brought = order.quantity * sold, order.quantity * order.price * owed
    else:
        given, brought = order.quantity * order.price * sold, order.quantity * owed
    return max(ZERO, given - brought * (1 - FEE))


def _beside(state: AccountState, intent: Intent, prices: Mapping[str, Decimal]) -> tuple[Decimal, Decimal]:
    """What other orders of this program took out of the scope meanwhile, and what they borrowed there, in USDT."""
    taken = borrowed = ZERO
    for other in state.intents.values():
        at = other.settled_at or other.submitted_at
        is_of_then = at is not None and intent.submitted_at is not None and at >= intent.submitted_at
        if other.id == intent.id or other.state not in SPENT or not is_of_then:
            continue
        value = other.amount * prices.get(other.asset, ZERO)
        order = other.order
        if isinstance(order, Transfer) and order.source == "cross" and intent.helps == CROSS:
            taken += value
        elif isinstance(order, ByName) and order.scope == intent.helps:
            taken += value if other.kind == "transfer_out" else ZERO
            borrowed += value if other.kind == "borrow" else ZERO
    return taken, borrowed


def _gone(
    intent: Intent, before: Mapping[str, BalanceBefore], after: Mapping[str, Balance], prices: Mapping[str, Decimal]
) -> str:
    """The assets of which less is there than before, net of what is owed, beyond what the order itself moves."""
    order = intent.order
    moved = {order.sells, order.asset} if isinstance(order, Reduce) else frozenset[str]()
    found = []
    for asset in sorted(prices.keys() - moved):
        brought = order.amount if isinstance(order, Transfer) and order.asset == asset and order.source else ZERO
        brought = brought if order.scope == intent.helps else ZERO
        lost = _net(before, asset) + brought - after.get(asset, Balance(asset)).net
        if lost * prices[asset] >= WORTH_NAMING:
            found.append(f"{plain(floor_to(lost, EIGHT))} {asset}")
    return ", ".join(found)


def _net(before: Mapping[str, BalanceBefore], asset: str) -> Decimal:
    row = before.get(asset)
    return ZERO if row is None else row.held - row.owed


def _totals(rows: Iterable[tuple[str, Decimal, Decimal]], prices: Mapping[str, Decimal]) -> Totals:
    """What is held and owed by these prices; what has none is left out."""
    priced = [(held * prices[asset], owed * prices[asset]) for asset, held, owed in rows if asset in prices]
    return Totals(sum((held for held, _ in priced), ZERO), sum((owed for _, owed in priced), ZERO))


def _text(level: Decimal) -> str:
    return plain(floor_to(level, LEVEL_STEP)) if level.is_finite() else "infinite"
