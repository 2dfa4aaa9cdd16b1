"""Correction of timestamps in a state after the clock was set back.

Timestamps of a clock that was ahead belong to past events, so none of them may lie in the future.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar, cast

from monitor.core.state.account_state import AccountState, LiquidationHistory, MeasurementState
from monitor.core.state.activity_state import ActivityState
from monitor.core.state.price_state import PriceState, SnapshotPrices

T = TypeVar("T")

TIMESTAMPED_FIELDS: Mapping[type, tuple[str, ...]] = MappingProxyType(
    {
        AccountState: (
            "started_at",
            "cross",
            "isolated",
            "live_balances",
            "prices",
            "interest",
            "liquidations",
            "odds",
            "activity",
            "wallets",
            "streams",
            "polling",
            "measurement",
            "alerts",
        ),
        PriceState: (
            "newest",
            "newest_at",
            "history",
            "at_cross",
            "at_isolated",
            "index_readings",
            "index_requested_at",
        ),
        SnapshotPrices: ("newest_at",),
        LiquidationHistory: ("read_at",),
        ActivityState: (
            "orders",
            "last_event_at",
            "unexplained",
            "ledger_stale_since",
            "ledger_read_until",
            "ledger_requested_at",
        ),
        MeasurementState: ("last_samples",),
    }
)
"""Fields of parts of a state in which every timestamp is that of a past event; all fields of any other class.

No other field is corrected: silences and keys end in the future, and an order's effect is never made younger.
"""


def correct_timestamps(state: AccountState, by: timedelta, now: datetime) -> AccountState:
    """Return the state after the clock was set back by `by` (negative) to `now`: ages stay what they were."""
    return cast("AccountState", _map_timestamps(state, lambda at: at + by if at > now else at))


def clamp_timestamps(value: T, now: datetime) -> T:
    """Return the value without timestamps after `now`; a later one becomes `now`."""
    return cast("T", _map_timestamps(value, lambda at: min(at, now)))


def _map_fields(value: Any, names: tuple[str, ...], change: Callable[[datetime], datetime]) -> Any:
    found = {name: getattr(value, name) for name in names}
    new = {name: _map_timestamps(old, change) for name, old in found.items()}
    new = {name: item for name, item in new.items() if item is not found[name]}
    return replace(value, **new) if new else value


def _field_names(value: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(value) if field.init)


def _map_timestamps(value: Any, change: Callable[[datetime], datetime]) -> Any:
    """Return the value with each timestamp mapped; the same object when nothing in it changes."""
    if isinstance(value, datetime):
        changed = change(value)
        return value if changed == value else changed
    if is_dataclass(value) and not isinstance(value, type):
        return _map_fields(value, TIMESTAMPED_FIELDS.get(type(value)) or _field_names(value), change)
    if isinstance(value, Mapping):
        entries = {key: _map_timestamps(item, change) for key, item in value.items()}
        return value if all(entries[key] is item for key, item in value.items()) else entries
    if isinstance(value, tuple):
        items = [_map_timestamps(item, change) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value
