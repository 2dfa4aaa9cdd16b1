"""The value to repay, transfer in or sell for a margin level to reach a target."""

from decimal import Decimal

from monitor.core.numbers.amounts import INFINITE, ONE, ZERO


def repay_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal) -> Decimal:
    """Value to repay from what the account holds, for the margin level to become `target`.

    ZERO when the level is already there or nothing is owed. INFINITE when less is held than owed, where repaying makes
    it worse. Raises ValueError if target <= 1, where repaying cannot raise the level.
    """
    if target <= ONE:
        raise ValueError(f"repaying can't lead to a level of {target}; the target must be above 1")
    return _swap_to_reach(target, assets, liabilities, kept=ONE)


def transfer_in_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal) -> Decimal:
    """Value to bring in as collateral, for the margin level to become `target`; ZERO when it is there already."""
    return max(ZERO, target * liabilities - assets)


def transfer_and_repay_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal) -> Decimal:
    """Value to bring in and repay at once, for the margin level to become `target`: 1/target of what collateral costs.

    ZERO when it is there already. Never more than what is owed. Raises ValueError unless the target is positive.
    """
    if target <= ZERO:
        raise ValueError(f"the target must be positive, not {target}")
    return max(ZERO, liabilities - assets / target)


def sell_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal, cost: Decimal) -> Decimal:
    """Value to sell and repay with the proceeds, losing the fraction `cost` (fee and slippage) on the way.

    The same for buying back a short: the value spent. ZERO when the level is already there or nothing is owed; INFINITE
    when the cost eats the effect (level below 1 ÷ (1 − cost)). Raises ValueError when target × (1 − cost) <= 1.
    """
    kept = ONE - cost
    if target * kept <= ONE:
        raise ValueError(f"selling at a cost of {cost} can't lead to a level of {target}")
    return _swap_to_reach(target, assets, liabilities, kept=kept)


def _swap_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal, *, kept: Decimal) -> Decimal:
    """Value v with (assets − v) = target · (liabilities − v·kept); INFINITE when v·kept exceeds the debt."""
    missing = target * liabilities - assets
    if liabilities <= ZERO or missing <= ZERO:
        return ZERO
    if assets * kept < liabilities:
        return INFINITE
    return missing / (target * kept - ONE)
