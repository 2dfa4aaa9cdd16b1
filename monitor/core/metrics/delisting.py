"""Time to delisting, monitoring tags, and assets about to be delisted."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.metrics.valuation import is_fresh
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.lending_terms import seconds_to_delisting
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState


def time_to_delisting(
    state: AccountState, settings: AccountSettings, kind: Literal["isolated", "asset"], subject: str, now: datetime
) -> MetricValue:
    """Return the seconds until margin trading of an asset or pair ends.

    Infinite while nothing is scheduled; unavailable on an old schedule.
    """
    schedules = state.reference.schedules
    if schedules is None or not is_fresh(schedules.at, now, settings.reference_stale_after):
        return MissingValue.UNAVAILABLE
    left: Decimal | None = seconds_to_delisting(subject, kind, schedules.delistings, now)
    return INFINITE if left is None else left


def monitoring_tag(state: AccountState, settings: AccountSettings, asset: str, now: datetime) -> MetricValue:
    """Return 1 if the exchange has tagged the asset *Monitoring*, else 0; unavailable on old tags."""
    tags = state.reference.tags
    if tags is None or not is_fresh(tags.at, now, settings.reference_stale_after):
        return MissingValue.UNAVAILABLE
    return Decimal(asset in tags.tagged_assets)


def assets_to_be_delisted(state: AccountState, scope: Scope, assets: Iterable[str]) -> frozenset[str]:
    """Return the assets of the scope about to be delisted: those of cross, or both of a pair delisted as a whole."""
    schedules = state.reference.schedules
    if schedules is None:
        return frozenset()
    if scope == CROSS:
        return frozenset(asset for delisting in schedules.delistings for asset in delisting.assets)
    return (
        frozenset(assets)
        if any(scope.symbol in delisting.symbols for delisting in schedules.delistings)
        else frozenset()
    )
