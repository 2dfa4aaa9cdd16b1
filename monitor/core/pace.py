"""How often each scope is read: economical when safe, fast near liquidation."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal

from monitor.core.alerts import AlertState, MetricScope
from monitor.core.events import StreamName
from monitor.core.figures import Figures
from monitor.core.state import AccountState, Settings, StreamState


def intervals(state: AccountState, settings: Settings, scopes: Iterable[Figures]) -> Mapping[str, timedelta]:
    """The intervals now in force, by the name of the read. `scopes` are the figures of cross and of every pair.

    A scope whose figures went stale goes on at the pace of the last ones.
    """
    near = {figures.kind for figures in scopes if _below_initial(figures)}
    pace = settings.pace
    found: dict[str, timedelta] = {}
    if settings.cross:
        found["cross"] = pace.cross
        if not all(state.streams.get(name, StreamState()).connected for name in wanted_streams(settings)):
            found["cross"] = min(pace.cross, pace.cross_without_stream)
    if settings.isolated != ():
        # One request reads all pairs.
        found["isolated"] = pace.isolated
    alarmed = _alarmed(state)
    return {
        name: min(interval, pace.near_liquidation) if name in near or name in alarmed else interval
        for name, interval in found.items()
    }


def wanted_streams(settings: Settings) -> tuple[StreamName, ...]:
    """The streams that the account should have."""
    return ("account", "market", "risk") if settings.cross else ("account", "market")


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
