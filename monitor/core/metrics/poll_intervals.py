"""Poll interval of each scope: long when safe, short near liquidation."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.alert import AlertState, MetricScope
from monitor.core.model.metric_values import MetricValues
from monitor.core.model.stream_payloads import StreamName
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, PollInterval
from monitor.core.state.stream_status import StreamStatus

SPEEDUP_GRACE = timedelta(seconds=5)
"""Minimum time that a read has to arrive after its interval became shorter."""


SAFE_LEVEL_FACTOR = Decimal("1.25")
"""A scope is safe at this factor times its initial level, or without debt."""

SAFE_STRETCH = 4
"""While all streams are up and every scope of a read is safe, its interval is longer by one part in this many."""


def choose_intervals(
    state: AccountState, settings: AccountSettings, scope_metrics: Iterable[MetricValues]
) -> Mapping[str, timedelta]:
    """Return the intervals in force, by the name of the read.

    `scope_metrics` are the metrics of cross and of every pair. A scope with stale metrics keeps the interval of the
    last ones. The state of a scope that was never read is unknown: it is read as if it were near liquidation. Alerts of
    the settings' `slow_rules` do not count.
    """
    scope_metrics = tuple(scope_metrics)
    near = {figures.kind for figures in scope_metrics if _below_initial(figures)}
    exposed = {figures.kind for figures in scope_metrics if not _is_safe(figures)}
    pace = settings.poll_intervals
    found: dict[str, timedelta] = {}
    streaming = all(state.streams.get(name, StreamStatus()).connected for name in required_streams(settings))
    if settings.cross:
        found["cross"] = pace.cross if streaming else min(pace.cross, pace.cross_without_stream)
    if settings.isolated != ():
        # One request reads all pairs.
        found["isolated"] = pace.isolated
    alarmed = _alarmed(state, settings.slow_rules)
    unread = {name for name, read in (("cross", state.cross), ("isolated", state.isolated)) if read is None}
    for name, interval in found.items():
        if name in near or name in alarmed or name in unread:
            found[name] = min(interval, pace.near_liquidation)
        elif streaming and name not in exposed:
            found[name] = interval + interval / SAFE_STRETCH
    return found


def remember_intervals(
    state: AccountState, intervals: Mapping[str, timedelta], now: datetime
) -> Mapping[str, PollInterval]:
    """Return the intervals with the time of their last change."""
    if all(
        name in state.polling.intervals and state.polling.intervals[name].interval == interval
        for name, interval in intervals.items()
    ):
        return state.polling.intervals
    known = state.polling.intervals
    return {
        name: known[name]
        if name in known and known[name].interval == interval
        else PollInterval(interval, known[name].interval if name in known else interval, now)
        for name, interval in intervals.items()
    }


def effective_interval(poll_interval: PollInterval, now: datetime) -> timedelta:
    """Return the interval that a read's age is compared with: a recently shortened one applies after a grace time."""
    has_had_its_chance = now - poll_interval.since > max(poll_interval.interval, SPEEDUP_GRACE)
    return poll_interval.interval if has_had_its_chance else max(poll_interval.interval, poll_interval.previous)


def required_streams(settings: AccountSettings) -> tuple[StreamName, ...]:
    """Return the streams that the account should have."""
    return ("account", "market", "risk") if settings.cross else ("account", "market")


def _is_safe(metrics: MetricValues) -> bool:
    level, initial = metrics.display.get("margin_level"), metrics.display.get("initial_level")
    if not isinstance(level, Decimal):
        return False
    return not level.is_finite() or (isinstance(initial, Decimal) and level >= initial * SAFE_LEVEL_FACTOR)


def _below_initial(metrics: MetricValues) -> bool:
    level, initial = metrics.display.get("margin_level"), metrics.display.get("initial_level")
    return isinstance(level, Decimal) and isinstance(initial, Decimal) and level < initial


def _alarmed(state: AccountState, slow_rules: frozenset[str]) -> frozenset[MetricScope]:
    """Return the kinds of scope with a pending or firing alert of severity warning or critical of another rule."""
    return frozenset(
        key.scope
        for key, alert in state.alerts.items()
        if alert.severity != "info"
        and key.rule not in slow_rules
        and alert.state in (AlertState.PENDING, AlertState.FIRING)
    )
