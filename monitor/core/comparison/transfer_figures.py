"""Amounts that may leave cross margin while it has debts."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from monitor.core.comparison.cross_figures import ValuedCross, value_cross
from monitor.core.comparison.figure import ComparedFigure, FigureName, failed_figure
from monitor.core.margin.collateral_ratios import (
    TRANSFER_OUT_LEVEL,
    collateral_value,
    marginal_ratio,
    max_tiered_transfer_out,
)
from monitor.core.model.account import Price
from monitor.core.model.reported_figures import AccountReport, ReadFailure, ReportedCross
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, ZERO, floor_to

MAX_ASSETS = 5
"""Assets whose limit is compared, the largest first: the exchange is asked for each, at a weight of 50."""


def transferable_assets(cross: ReportedCross, prices: Mapping[str, Price] | ReadFailure) -> list[str]:
    """Return the assets whose limit is compared: free ones of the largest value, and only while something is owed."""
    if not cross.transfer_out_enabled or not any(row.balance.owed for row in cross.balances):
        return []
    valued = value_cross(cross, prices)
    free = {row.balance.asset: row.balance.free for row in cross.balances if row.balance.free}
    known = [position for position in valued.positions if position.asset in free]
    known.sort(key=lambda position: (-free[position.asset] * position.price, position.asset))
    return [position.asset for position in known[:MAX_ASSETS]]


def compare_transfers(report: AccountReport, tolerance: Decimal) -> Iterator[ComparedFigure]:
    """Compare our limits with the exchange's. `tolerance` is of collateral and debts, whose difference a limit is."""
    cross = report.cross
    if not isinstance(cross, ReportedCross):
        return
    valued = value_cross(cross, report.prices)
    free = {row.balance.asset: row.balance.free for row in cross.balances}
    for asset, reported in report.transferable.items():
        name = FigureName("may_leave", "asset", "cross", asset=asset)
        if isinstance(reported, ReadFailure):
            yield failed_figure(name, reported)
        elif isinstance(report.collateral, ReadFailure):
            yield failed_figure(name, report.collateral)
        elif report.collateral is not None:
            yield _compare_limit(name, reported, free[asset], report, valued, tolerance)


def _compare_limit(
    name: FigureName,
    reported: Decimal,
    free: Decimal,
    report: AccountReport,
    valued: ValuedCross,
    tolerance: Decimal,
) -> ComparedFigure:
    ratios = {} if report.collateral is None or isinstance(report.collateral, ReadFailure) else report.collateral
    collateral = sum((collateral_value(p.held * p.price, ratios.get(p.asset, ())) for p in valued.positions), ZERO)
    liabilities = valued.totals.liabilities
    position = next(position for position in valued.positions if position.asset == name.asset)
    tiers, value = ratios.get(name.asset, ()), position.held * position.price
    leaving = max_tiered_transfer_out(value, tiers, collateral, liabilities)
    ours = floor_to(min(free, leaving / position.price), EIGHT_DECIMALS)
    room = (collateral + TRANSFER_OUT_LEVEL * liabilities) * tolerance
    allowed = room / position.price / (marginal_ratio(value, tiers) or ONE) + EIGHT_DECIMALS
    return ComparedFigure(name, ours, reported, allowed, valued.why, is_partial=valued.is_partial)
