"""Amounts that make the odds small enough: USDT brought in, or a smaller debt."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from monitor.core.model.odds import OddsRemedy
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ZERO, ceil_to
from monitor.odds.exact_levels import ExactLevels
from monitor.odds.window_survey import WindowExtreme, WindowSurvey


def find_remedies(
    targets: Sequence[Decimal], survey: WindowSurvey, starts: NDArray[np.int64], exact: ExactLevels
) -> tuple[OddsRemedy, ...]:
    """Return for each of the odds to reach the amounts that reach them in the windows that begin at `starts`.

    A window is survived when its level stays above liquidation. Interest that a smaller debt saves is not counted.
    """
    if survey.bring_in is None or survey.repay is None:
        return ()
    debt = exact.question.largest_debt
    remedies: list[OddsRemedy] = []
    for target in targets:
        lost = int(target * len(starts))
        repay = _amount(survey.repay, starts, lost, exact.repay)
        remedies.append(
            OddsRemedy(
                odds=target,
                bring_in_usdt=_amount(survey.bring_in, starts, lost, exact.bring_in),
                repay_asset=debt.asset,
                repay=repay if repay <= debt.owed else None,
            )
        )
    return tuple(remedies)


def _amount(
    lacks: WindowExtreme, starts: NDArray[np.int64], lost: int, exact: Callable[[int, int], Decimal]
) -> Decimal:
    """Return the amount with which all but `lost` windows are survived; ZERO when they are already."""
    if lost >= len(starts):
        return ZERO
    chosen = starts[np.argsort(-lacks.values[starts], kind="stable")[lost]]
    lack = exact(int(chosen), int(lacks.hours[chosen]))
    return ceil_to(lack, EIGHT_DECIMALS) + EIGHT_DECIMALS if lack >= ZERO else ZERO
