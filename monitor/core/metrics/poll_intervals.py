"""How often each scope is read: economical when safe, fast near liquidation."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.alert import AlertState, MetricScope
from monitor.core.model.events import StreamName
from monitor.core.model.metric_values import Figures
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState, Paced
from monitor.core.state.stream_status import StreamState

CHANCE = timedelta(seconds=5)
"""A read that is to be made faster from now on is given at least this long to come."""


SAFE = Decimal("1.25")
"""Times its initial level, or without debt, a scope is safe."""

ECONOMY = 4
"""A read is made that part later while all streams are up and every scope that it tells of is safe."""


def intervals(state: AccountState, settings: Settings, scopes: Iterable[Figures]) -> Mapping[str, timedelta]:
    """The intervals now in force, by the name of the read. `scopes` are the figures of cross and of every pair.

    A scope whose figures went stale goes on at the pace of the last ones. One that was never read may be anywhere: it
    is read as if it were near liquidation.
    """
    scopes = tuple(scopes)
    near = {figures.kind for figures in scopes if _below_initial(figures)}
    exposed = {figures.kind for figures in scopes if not _is_safe(figures)}
    pace = settings.pace
    found: dict[str, timedelta] = {}
    streaming = all(state.streams.get(name, StreamState()).connected for name in wanted_streams(settings))
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
            found[name] = interval + interval / ECONOMY
    return found


def repaced(state: AccountState, found: Mapping[str, timedelta], now: datetime) -> Mapping[str, Paced]:
    """What to remember of the paces: when each of them last changed."""
    if all(name in state.paced and state.paced[name].interval == interval for name, interval in found.items()):
        return state.paced
    known = state.paced
    return {
        name: known[name]
        if name in known and known[name].interval == interval
        else Paced(interval, known[name].interval if name in known else interval, now)
        for name, interval in found.items()
    }


def interval_in_force(paced: Paced, now: datetime) -> timedelta:
    """The interval by which a read's age is judged: a pace that just turned faster has yet to have its chance."""
    has_had_its_chance = now - paced.since > max(paced.interval, CHANCE)
    return paced.interval if has_had_its_chance else max(paced.interval, paced.before)


def wanted_streams(settings: Settings) -> tuple[StreamName, ...]:
    """The streams that the account should have."""
    return ("account", "market", "risk") if settings.cross else ("account", "market")


def _is_safe(figures: Figures) -> bool:
    level, initial = figures.shown.get("margin_level"), figures.shown.get("initial_level")
    if not isinstance(level, Decimal):
        return False
    return not level.is_finite() or (isinstance(initial, Decimal) and level >= initial * SAFE)


def _below_initial(figures: Figures) -> bool:
    level, initial = figures.shown.get("margin_level"), figures.shown.get("initial_level")
    return isinstance(level, Decimal) and isinstance(initial, Decimal) and level < initial


def _alarmed(state: AccountState) -> frozenset[MetricScope]:
    """The kinds of scope in which a warning or critical alert is pending or firing."""
    return frozenset(
        key.scope
        for key, alert in state.alerts.items()
        if alert.severity != "info" and alert.state in (AlertState.PENDING, AlertState.FIRING)
    )
