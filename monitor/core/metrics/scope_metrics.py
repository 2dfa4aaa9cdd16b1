"""Shared parts of cross and isolated metrics: thresholds, distances, values, staleness."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from monitor.core.margin.levels import Exposure, Totals
from monitor.core.model.account import EffectiveThresholds
from monitor.core.model.metric import MetricValue, MissingValue, metrics_of
from monitor.core.model.metric_values import DataState, MetricValues, ValuedBalance
from monitor.core.model.stream_payloads import ReportedLevel
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.core.state.account_settings import AccountSettings

UNAVAILABLE = MissingValue.UNAVAILABLE

THRESHOLD_METRICS = ("initial_level", "margin_call_level", "liquidation_level")


class ScopeLevel(NamedTuple):
    """The best current level of a scope, and its source.

    `drift`: the difference between our own level and the exchange's at the last poll, as a fraction of the exchange's.
    """

    value: Decimal
    is_live: bool
    drift: Decimal | None


def threshold_values(effective: EffectiveThresholds | None) -> dict[str, MetricValue]:
    """Return the thresholds of a scope as metric values."""
    if effective is None:
        return dict.fromkeys(THRESHOLD_METRICS, UNAVAILABLE)
    thresholds = effective.thresholds
    return dict(
        zip(THRESHOLD_METRICS, (thresholds.initial, thresholds.margin_call, thresholds.liquidation), strict=True)
    )


def price_move_to(
    reach: Callable[[Exposure, Decimal], Decimal], level: Decimal, exposure: Exposure | None, threshold: MetricValue
) -> MetricValue:
    """Return the market move after which the exchange acts at `threshold`, by `reach`, such as levels.drop_to_level.

    `exposure` is the value held and owed, None when unknown. The exchange acts on its own level, so our valuation is
    scaled until its level equals the exchange's.
    """
    if not level.is_finite():
        return INFINITE
    if exposure is None or level <= ZERO or not isinstance(threshold, Decimal):
        return UNAVAILABLE
    sums = exposure.totals
    if sums.assets <= ZERO or sums.liabilities <= ZERO:
        return UNAVAILABLE
    return reach(exposure, threshold / (level / sums.level))


def value_usdt(value: Callable[[Totals], Decimal], exposure: Exposure | None, price: Decimal | None) -> MetricValue:
    """Return the part of the exposure selected by `value`, in USDT; `price` is that of the exposure's currency."""
    return UNAVAILABLE if exposure is None or price is None else value(exposure.totals) * price


def scope_metric_values(
    kind: Literal["cross", "isolated"],
    subject: str,
    as_of: datetime,
    now: datetime,
    settings: AccountSettings,
    level: ScopeLevel,
    display: Mapping[str, MetricValue],
    list_holdings: Callable[[], tuple[ValuedBalance, ...]],
    thresholds: EffectiveThresholds | None = None,
) -> MetricValues:
    """Return the metrics of a scope that was read: without values for rules once the snapshot is stale."""
    stale = is_stale(as_of, settings, now)
    state: DataState = "stale" if stale else "ok" if level.value.is_finite() else "no_debt"
    values: Mapping[str, MetricValue] = dict.fromkeys(display, UNAVAILABLE) if stale else display
    source: Literal["live", "poll"] = "live" if level.is_live else "poll"
    return MetricValues(kind, subject, state, as_of, source, values, display, level.drift, list_holdings, thresholds)


def unread_metric_values(
    kind: Literal["cross", "isolated"], subject: str, thresholds: EffectiveThresholds | None = None
) -> MetricValues:
    """Return the metrics of a scope of which nothing is known, except perhaps the thresholds."""
    values: dict[str, MetricValue] = {metric.name: UNAVAILABLE for metric in metrics_of(kind)}
    values |= threshold_values(thresholds)
    return MetricValues(kind, subject, "unavailable", None, "poll", values, values, thresholds=thresholds)


def worse_level(
    level: ScopeLevel, notice: ReportedLevel | None, settings: AccountSettings, now: datetime
) -> ScopeLevel:
    """Return the level, or the one that the exchange reported after the read, if that is worse."""
    if notice is None or notice.level >= level.value or is_stale(notice.at, settings, now):
        return level
    return level._replace(value=notice.level)


def apply_level_notice(
    metrics: MetricValues, notice: ReportedLevel | None, settings: AccountSettings, now: datetime
) -> MetricValues:
    """Return the metrics with the exchange's notice; if no read is fresh, the notice is the level."""
    if notice is None or is_stale(notice.at, settings, now):
        return metrics
    if metrics.state not in ("stale", "unavailable"):
        return metrics._replace(notice=notice)
    was = metrics.display.get("margin_level")
    level = min(notice.level, was) if isinstance(was, Decimal) else notice.level
    noticed: dict[str, MetricValue] = {"margin_level": level, **threshold_values(metrics.thresholds)}
    return metrics._replace(values={**metrics.values, **noticed}, display={**metrics.display, **noticed}, notice=notice)


def is_stale(as_of: datetime, settings: AccountSettings, now: datetime) -> bool:
    """Return whether a snapshot is too old to be used."""
    return now - as_of > settings.stale_after
