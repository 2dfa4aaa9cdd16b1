"""All figures of one account beside the exchange's own."""

from decimal import Decimal

from monitor.core.comparison.cross_figures import compare_cross
from monitor.core.comparison.figure import ComparedFigure
from monitor.core.comparison.interest_figures import compare_interest
from monitor.core.comparison.pair_figures import compare_pairs
from monitor.core.comparison.transfer_figures import compare_transfers
from monitor.core.model.reported_figures import AccountReport
from monitor.core.state.account_settings import AccountSettings


def compare_account(report: AccountReport, settings: AccountSettings, tolerance: Decimal) -> tuple[ComparedFigure, ...]:
    """Return every figure that we compute and the exchange may report: levels, prices, totals, interest.

    `tolerance` is the allowed part of figures that depend on prices, which are read a moment after the account.
    """
    return (
        *compare_cross(report, tolerance),
        *compare_transfers(report, tolerance),
        *compare_pairs(report, settings, tolerance),
        *compare_interest(report, settings),
    )
