"""Figures of interest: what was charged in the last day, and the rates by which debts grow."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from monitor.core.comparison.figure import (
    ComparedFigure,
    FigureName,
    failed_figure,
    unreported_figure,
)
from monitor.core.comparison.pair_figures import watched_pairs
from monitor.core.margin.interest import hourly_from_daily
from monitor.core.model.account import CROSS, InterestCharge, Scope
from monitor.core.model.reported_figures import AccountReport, ReadFailure
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ZERO
from monitor.core.state.account_settings import AccountSettings

CHARGE_TOLERANCE = Decimal("0.001")
"""Allowed part of a sum of charges: the exchange states rates with few digits, and rounds each charge."""

RATE_TOLERANCE = Decimal("0.5")
"""Allowed part of a rate: rates change with the hour; one in another unit would be off by a factor."""


def compare_interest(report: AccountReport, settings: AccountSettings) -> Iterator[ComparedFigure]:
    """Return the figures of interest of each debt of the account."""
    for scope, asset in owed_assets(report, settings):
        charges = report.charges.get(scope)
        name = FigureName("interest_24h", "asset", scope.kind, scope.symbol, asset)
        rate_name = FigureName("hourly_rate", "rate", scope.kind, scope.symbol, asset)
        if isinstance(charges, ReadFailure):
            yield failed_figure(name, charges)
            charges = ()
        else:
            own = [charge for charge in charges or () if charge.raw_asset == asset]
            yield _compare_charges(name, own)
        yield _compare_rate(rate_name, report, scope, [charge for charge in charges or () if charge.raw_asset == asset])


def owed_assets(report: AccountReport, settings: AccountSettings) -> list[tuple[Scope, str]]:
    """Return each debt: its scope and its asset."""
    found: list[tuple[Scope, str]] = []
    if report.cross is not None and not isinstance(report.cross, ReadFailure):
        found += [(CROSS, row.balance.asset) for row in report.cross.balances if row.balance.owed]
    if report.isolated is not None and not isinstance(report.isolated, ReadFailure):
        for reported in watched_pairs(report.isolated, settings):
            sides = (reported.pair.base, reported.pair.quote)
            found += [(Scope(reported.pair.symbol), side.asset) for side in sides if side.owed]
    return found


def _compare_charges(name: FigureName, charges: Iterable[InterestCharge]) -> ComparedFigure:
    """Compare principal x rate with the interest charged, over the last day."""
    ours = reported = ZERO
    count = 0
    for charge in charges:
        if charge.asset != charge.raw_asset:
            return unreported_figure(
                name, None, f"paid in {charge.asset}: the exchange states no interest in the asset"
            )
        ours += charge.principal * hourly_from_daily(charge.daily_rate)
        reported += charge.interest
        count += 1
    if not count:
        return unreported_figure(name, None, "the exchange shows no charge of the last 24 hours")
    return ComparedFigure(name, ours, reported, reported * CHARGE_TOLERANCE + EIGHT_DECIMALS * count)


def _compare_rate(
    name: FigureName, report: AccountReport, scope: Scope, charges: Iterable[InterestCharge]
) -> ComparedFigure:
    """Compare the rate that we count with (last charged, else published) with the exchange's for the coming hour."""
    ahead = report.next_rates.get(scope.kind)
    if isinstance(ahead, ReadFailure):
        return failed_figure(name, ahead)
    last = max(charges, key=lambda charge: charge.charged_at, default=None)
    ours = None if last is None else hourly_from_daily(last.daily_rate)
    if ours is None and scope == CROSS:
        if isinstance(report.rates, ReadFailure):
            return failed_figure(name, report.rates)
        ours = None if report.rates is None else report.rates.get(name.asset)
    coming = None if ahead is None else ahead.get(name.asset)
    if coming is None:
        return unreported_figure(name, ours, "the exchange publishes no rate of the coming hour")
    if ours is None:
        return unreported_figure(name, None, "nothing was charged yet, and no list has the rate of a pair")
    return ComparedFigure(name, ours, coming, coming * RATE_TOLERANCE)
