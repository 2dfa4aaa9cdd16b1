"""The value to repay, transfer in or sell for a margin level to reach a target."""

from decimal import Decimal

from monitor.core.numbers.amounts import INFINITE, ONE, ZERO


def repay_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal) -> Decimal:
    """Return the value to repay from the account's own assets, for the margin level to become `target`.

    ZERO when the level is already there or nothing is owed. INFINITE when less is held than owed, where repaying lowers
    the level. Raises ValueError if target <= 1, where repaying cannot raise the level.
    """
    if target <= ONE:
        raise ValueError(f"repaying can't lead to a level of {target}; the target must be above 1")
    return _swap_to_reach(target, assets, liabilities, kept=ONE)


def transfer_in_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal) -> Decimal:
    """Return the value to bring in as collateral, for the margin level to become `target`; ZERO when already there."""
    return max(ZERO, target * liabilities - assets)


def transfer_and_repay_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal) -> Decimal:
    """Return the value to bring in and repay at once, for the margin level to become `target`.

    1/target of the collateral that would be needed. ZERO when the level is there already. Never more than the debt.
    Raises ValueError unless the target is positive.
    """
    if target <= ZERO:
        raise ValueError(f"the target must be positive, not {target}")
    return max(ZERO, liabilities - assets / target)


def sell_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal, cost: Decimal) -> Decimal:
    """Return the value to sell when the proceeds are repaid, losing the fraction `cost` (fee and slippage).

    For buying back a short: the value to spend. ZERO when the level is already there or nothing is owed; INFINITE when
    the cost cancels the effect (level below 1 ÷ (1 − cost)). Raises ValueError when target × (1 − cost) <= 1.
    """
    kept = ONE - cost
    if target * kept <= ONE:
        raise ValueError(f"selling at a cost of {cost} can't lead to a level of {target}")
    return _swap_to_reach(target, assets, liabilities, kept=kept)


def _swap_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal, *, kept: Decimal) -> Decimal:
    """Return v with (assets − v) = target · (liabilities − v·kept); INFINITE when v·kept exceeds the debt."""
    missing = target * liabilities - assets
    if liabilities <= ZERO or missing <= ZERO:
        return ZERO
    if assets * kept < liabilities:
        return INFINITE
    return missing / (target * kept - ONE)
