"""How often each scope is read: economical when safe, fast near liquidation."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.alert import AlertState, MetricScope
from monitor.core.model.events import StreamName
from monitor.core.model.metric_values import MetricValues
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, PollInterval
from monitor.core.state.stream_status import StreamStatus

SPEEDUP_GRACE = timedelta(seconds=5)
"""A read that is to be made faster from now on is given at least this long to come."""


SAFE_LEVEL_FACTOR = Decimal("1.25")
"""Times its initial level, or without debt, a scope is safe."""

SAFE_STRETCH = 4
"""A read is made that part later while all streams are up and every scope that it tells of is safe."""


def choose_intervals(
    state: AccountState, settings: AccountSettings, scope_metrics: Iterable[MetricValues]
) -> Mapping[str, timedelta]:
    """The intervals now in force, by the name of the read. `scopes` are the figures of cross and of every pair.

    A scope whose figures went stale goes on at the pace of the last ones. One that was never read may be anywhere: it
    is read as if it were near liquidation.
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
    alarmed = _alarmed(state)
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
    """What to remember of the paces: when each of them last changed."""
    if all(
        name in state.poll_intervals and state.poll_intervals[name].interval == interval
        for name, interval in intervals.items()
    ):
        return state.poll_intervals
    known = state.poll_intervals
    return {
        name: known[name]
        if name in known and known[name].interval == interval
        else PollInterval(interval, known[name].interval if name in known else interval, now)
        for name, interval in intervals.items()
    }


def effective_interval(poll_interval: PollInterval, now: datetime) -> timedelta:
    """The interval by which a read's age is judged: a pace that just turned faster has yet to have its chance."""
    has_had_its_chance = now - poll_interval.since > max(poll_interval.interval, SPEEDUP_GRACE)
    return poll_interval.interval if has_had_its_chance else max(poll_interval.interval, poll_interval.previous)


def required_streams(settings: AccountSettings) -> tuple[StreamName, ...]:
    """The streams that the account should have."""
    return ("account", "market", "risk") if settings.cross else ("account", "market")


def _is_safe(metrics: MetricValues) -> bool:
    level, initial = metrics.display.get("margin_level"), metrics.display.get("initial_level")
    if not isinstance(level, Decimal):
        return False
    return not level.is_finite() or (isinstance(initial, Decimal) and level >= initial * SAFE_LEVEL_FACTOR)


def _below_initial(metrics: MetricValues) -> bool:
    level, initial = metrics.display.get("margin_level"), metrics.display.get("initial_level")
    return isinstance(level, Decimal) and isinstance(initial, Decimal) and level < initial


def _alarmed(state: AccountState) -> frozenset[MetricScope]:
    """The kinds of scope in which a warning or critical alert is pending or firing."""
    return frozenset(
        key.scope
        for key, alert in state.alerts.items()
        if alert.severity != "info" and alert.state in (AlertState.PENDING, AlertState.FIRING)
    )
