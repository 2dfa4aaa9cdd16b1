"""Level lost by a confirmed order beyond the effect of prices and of the order itself.

Both levels are computed from the same current prices: one from the balances right before the order left, one from
the balances that prove the order. These differences are allowed: the interest of the hours in between, the loss of
an order on the market within its own price bound and fee, amounts that other orders of this program took out of the
scope or lost there in that way, and a thousandth of the level for rounding and for interest of an unknown rate.
Foreign movements are not allowed for: a person must check a level that fell while an order was under way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.plan_context import build_plan_context
from monitor.core.actions.scope_position import LEVEL_STEP, TRADING_FEE, ScopePosition
from monitor.core.margin.levels import Totals, margin_level
from monitor.core.metrics.valuation import usdt_price
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.intent import SPENT_STATES, BalanceBefore, Intent
from monitor.core.model.order import ManualCall, Reduce, Transfer
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ZERO, floor_to, format_decimal
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import polled_balances

LEVEL_TOLERANCE = Decimal("0.001")
"""Share of the level that counts as no change."""

MIN_NAMED_USDT = Decimal(1)
"""Least loss of an asset, in USDT, for which the asset is named."""

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LevelLoss:
    """The expected level from prices alone, the actual level, and the text of assets lost beyond the order."""

    expected: Decimal
    level: Decimal
    missing_assets: str

    @property
    def text(self) -> str:
        """Text for people, without the number of the order."""
        gone = f"; gone beyond the order: {self.missing_assets}" if self.missing_assets else ""
        return f"the level is {_level_text(self.level)}, where prices alone explain {_level_text(self.expected)}{gone}"


@dataclass(frozen=True, slots=True)
class UnknownLoss:
    """A judgement that is not possible, and the reason. `is_lasting`: it never will be."""

    reason: str
    is_lasting: bool = False


def scope_balances(state: AccountState, scope: Scope) -> tuple[BalanceBefore, ...]:
    """Held and owed amount of each asset of the scope in the last read; empty if the scope was never read."""
    found = polled_balances(state, scope) or {}
    rows = (BalanceBefore(asset, balance.held, balance.owed) for asset, balance in sorted(found.items()))
    return tuple(row for row in rows if row.held or row.owed)


def find_level_loss(
    state: AccountState, intent: Intent, settings: AccountSettings, now: datetime
) -> LevelLoss | UnknownLoss | None:
    """The level loss of a confirmed intent; None if there is none.

    `state` has the balances that prove the order. The loss is unknown if the balances were not read since the order
    left, or if an asset whose balance changed has no price.
    """
    read = state.cross if intent.target_scope == CROSS else state.isolated
    sent = intent.submitted_at
    if not intent.balances_before or sent is None:
        return UnknownLoss("the balances of before are not recorded", is_lasting=True)
    if read is None or read.as_of < sent:
        return UnknownLoss("its scope was not read since it was sent")
    context = build_plan_context(state, intent.plan, intent.target_scope, {}, settings, (), now)
    before = {row.asset: row for row in intent.balances_before}
    after = polled_balances(state, intent.target_scope)
    if context is None or not after:
        return UnknownLoss("the figures of its scope are not known")
    prices = _prices(state, context.position, before.keys() | after.keys())
    unpriced = (before.keys() | after.keys()) - prices.keys()
    changed = {asset for asset in unpriced if _net(before, asset) != after.get(asset, Balance(asset)).net}
    if changed:
        return UnknownLoss(f"no price is known of {', '.join(sorted(changed))}")
    before_totals = _totals(((row.asset, row.held, row.owed) for row in before.values()), prices)
    after_totals = _totals(((asset, balance.held, balance.owed) for asset, balance in after.items()), prices)
    hours = int((read.as_of - sent) / HOUR) + 1
    interest = sum((row.next_interest * row.price for row in context.position.by_asset.values()), ZERO) * hours
    taken, borrowed = _other_orders(state, intent, prices)
    assets = before_totals.assets + borrowed - taken - _allowed_loss(intent, prices)
    min_level = margin_level(assets, before_totals.liabilities + borrowed + interest) * (1 - LEVEL_TOLERANCE)
    if not after_totals.liabilities or after_totals.level >= min_level:
        return None
    return LevelLoss(before_totals.level, after_totals.level, _missing_assets(intent, before, after, prices))


def _prices(state: AccountState, position: ScopePosition, assets: Iterable[str]) -> dict[str, Decimal]:
    found = {asset: position.price(asset) or usdt_price(asset, state.prices.newest) for asset in assets}
    return {asset: price for asset, price in found.items() if price is not None}


def _allowed_loss(intent: Intent, prices: Mapping[str, Decimal]) -> Decimal:
    """Most value that an order on the market may lose, at its own price bound and with the usual fee, in USDT."""
    order = intent.order
    if not isinstance(order, Reduce):
        return ZERO
    sold, owed = prices.get(order.sell_asset, ZERO), prices.get(order.asset, ZERO)
    if order.side == "SELL":
        given, brought = order.quantity * sold, order.quantity * order.price * owed
    else:
        given, brought = order.quantity * order.price * sold, order.quantity * owed
    return max(ZERO, given - brought * (1 - TRADING_FEE))


def _other_orders(state: AccountState, intent: Intent, prices: Mapping[str, Decimal]) -> tuple[Decimal, Decimal]:
    """Value that other orders of this program took out of the scope or lost there meanwhile, and value they borrowed,
    in USDT."""
    taken = borrowed = ZERO
    for other in state.intents.values():
        at = other.settled_at or other.submitted_at
        is_of_then = at is not None and intent.submitted_at is not None and at >= intent.submitted_at
        has_moved = other.state in SPENT_STATES or other.executed_late
        if other.id == intent.id or not has_moved or not is_of_then:
            continue
        value = other.amount * prices.get(other.asset, ZERO)
        order = other.order
        if isinstance(order, Transfer) and order.source == "cross" and intent.target_scope == CROSS:
            taken += value
        elif isinstance(order, Reduce) and order.scope == intent.target_scope:
            taken += _allowed_loss(other, prices)
        elif isinstance(order, ManualCall) and order.scope == intent.target_scope:
            taken += value if other.kind == "transfer_out" else ZERO
            borrowed += value if other.kind == "borrow" else ZERO
    return taken, borrowed


def _missing_assets(
    intent: Intent, before: Mapping[str, BalanceBefore], after: Mapping[str, Balance], prices: Mapping[str, Decimal]
) -> str:
    """Text of the assets whose net amount fell by more than the order itself moved."""
    order = intent.order
    moved = {order.sell_asset, order.asset} if isinstance(order, Reduce) else frozenset[str]()
    found = []
    for asset in sorted(prices.keys() - moved):
        brought = order.amount if isinstance(order, Transfer) and order.asset == asset and order.source else ZERO
        brought = brought if order.scope == intent.target_scope else ZERO
        lost = _net(before, asset) + brought - after.get(asset, Balance(asset)).net
        if lost * prices[asset] >= MIN_NAMED_USDT:
            found.append(f"{format_decimal(floor_to(lost, EIGHT_DECIMALS))} {asset}")
    return ", ".join(found)


def _net(before: Mapping[str, BalanceBefore], asset: str) -> Decimal:
    row = before.get(asset)
    return ZERO if row is None else row.held - row.owed


def _totals(rows: Iterable[tuple[str, Decimal, Decimal]], prices: Mapping[str, Decimal]) -> Totals:
    """Value held and owed at these prices. Assets without a price are left out."""
    priced = [(held * prices[asset], owed * prices[asset]) for asset, held, owed in rows if asset in prices]
    return Totals(sum((held for held, _ in priced), ZERO), sum((owed for _, owed in priced), ZERO))


def _level_text(level: Decimal) -> str:
    return format_decimal(floor_to(level, LEVEL_STEP)) if level.is_finite() else "infinite"
