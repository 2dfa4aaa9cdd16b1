"""How often each scope is read: economical when safe, fast near liquidation."""

from datetime import timedelta
from decimal import Decimal

from monitor.core.alerts import AlertState, MetricScope
from monitor.core.metrics import Value
from monitor.core.state import AccountState, Settings, StreamState


def cross_interval(state: AccountState, settings: Settings, near: bool) -> timedelta:
    """The interval of the cross read now in force."""
    if near or alarmed(state, "cross"):
        return min(settings.pace.near_liquidation, settings.pace.cross)
    if not state.streams.get("account", StreamState()).connected:
        return min(settings.pace.cross, settings.pace.cross_without_stream)
    return settings.pace.cross


def isolated_interval(state: AccountState, settings: Settings, near: bool) -> timedelta:
    """The interval of the isolated read now in force; one request reads all pairs."""
    if near or alarmed(state, "isolated"):
        return min(settings.pace.near_liquidation, settings.pace.isolated)
    return settings.pace.isolated


def below_initial(level: Value, initial: Value) -> bool:
    """Whether the level is known to be below the account's initial bar."""
    return isinstance(level, Decimal) and isinstance(initial, Decimal) and level < initial


def alarmed(state: AccountState, scope: MetricScope) -> bool:
    """Whether a warning or critical alert of this kind of scope is pending or firing."""
    return any(
        key.scope == scope and alert.severity != "info" and alert.state in (AlertState.PENDING, AlertState.FIRING)
        for key, alert in state.alerts.items()
    )
