"""Evidence of the balances: whether they moved by an order, and by how much."""

from decimal import Decimal

from monitor.core.model.intent import Intent
from monitor.core.model.order import Repay, Transfer
from monitor.core.numbers.amounts import ZERO, format_decimal
from monitor.core.settlement.observation import Observation, compute_decrease

INTEREST_TOLERANCE = Decimal("0.005")
"""Share of a debt that interest may have added between two observations: hours at the highest rates seen."""


def balances_moved(intent: Intent, observation: Observation) -> bool | None:
    """Return whether the balances moved by this order; None if a balance needed was not read, before or after.

    A repayment shows in the debt, which interest may have raised a little. A transfer shows at its source or at its
    destination.
    """
    if isinstance(intent.order, Repay):
        drop = compute_decrease(intent.owed_before, observation.owed)
        if drop is None or intent.owed_before is None:
            return None
        return drop >= intent.amount - interest_tolerance(intent.owed_before, intent.amount)
    arrived = compute_decrease(observation.free, intent.free_before)
    left = source_decrease(intent, observation)
    if arrived is None and left is None:
        return None
    return (arrived is not None and arrived >= intent.amount) or (left is not None and left >= intent.amount)


def source_decrease(intent: Intent, observation: Observation) -> Decimal | None:
    """Amount by which the source fell, without the amount known to have gone elsewhere."""
    left = compute_decrease(intent.source_before, observation.source)
    return None if left is None else left - observation.sent_elsewhere


def interest_tolerance(owed: Decimal, amount: Decimal) -> Decimal:
    """Most of a repayment that interest may hide."""
    return min(owed * INTEREST_TOLERANCE, amount / 2)


def describe_balance_change(intent: Intent, observation: Observation) -> str:
    if isinstance(intent.order, Repay):
        return f"{intent.asset} owed {_amount_text(intent.owed_before)} → {_amount_text(observation.owed)}"
    if isinstance(intent.order, Transfer) and (observation.free is None or intent.free_before is None):
        amounts = f"{_amount_text(intent.source_before)} → {_amount_text(observation.source)}"
        return f"{intent.asset} in {intent.order.source} {amounts}"
    return (
        f"{intent.asset} free in {intent.scope} {_amount_text(intent.free_before)} → {_amount_text(observation.free)}"
    )


def _amount_text(amount: Decimal | None) -> str:
    return "?" if amount is None else format_decimal(amount + ZERO)
