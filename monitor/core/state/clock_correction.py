"""Correction of timestamps in a state after the clock was set back.

Timestamps of a clock that was ahead belong to past events, so none of them may lie in the future.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from monitor.core.state.account_state import AccountState

T = TypeVar("T")

TIMESTAMPED_FIELDS = (
    "started_at",
    "cross",
    "isolated",
    "live_balances",
    "prices",
    "newest_price_at",
    "price_history",
    "newest_cross_price_at",
    "newest_isolated_price_at",
    "interest",
    "rates",
    "next_rates",
    "liquidations_at",
    "wallets",
    "streams",
    "last_failure",
    "failed_at",
    "alerts",
    "last_samples",
    "poll_intervals",
)
"""Fields of a state in which every timestamp is that of a past event.

No other field is corrected: silences and keys end in the future, and an order's effect is never made younger.
"""

TIMESTAMPED_REFERENCE_FIELDS = (
    "orders",
    "unexplained",
    "last_event_at",
    "ledger_stale_since",
    "ledger_requested_at",
    "ledger_read_until",
    "index_readings",
    "index_requested_at",
)


def correct_timestamps(state: AccountState, by: timedelta, now: datetime) -> AccountState:
    """Return the state after the clock was set back by `by` (negative) to `now`: ages stay what they were."""
    return _map_state(state, lambda at: at + by if at > now else at)


def clamp_timestamps(value: T, now: datetime) -> T:
    """Return the value without timestamps after `now`; a later one becomes `now`."""
    return cast("T", _map_timestamps(value, lambda at: min(at, now)))


def _map_state(state: AccountState, change: Callable[[datetime], datetime]) -> AccountState:
    reference = _map_fields(state.reference, TIMESTAMPED_REFERENCE_FIELDS, change)
    return cast("AccountState", replace(_map_fields(state, TIMESTAMPED_FIELDS, change), reference=reference))


def _map_fields(value: Any, names: tuple[str, ...], change: Callable[[datetime], datetime]) -> Any:
    found = {name: getattr(value, name) for name in names}
    new = {name: _map_timestamps(old, change) for name, old in found.items()}
    new = {name: item for name, item in new.items() if item is not found[name]}
    return replace(value, **new) if new else value


def _map_timestamps(value: Any, change: Callable[[datetime], datetime]) -> Any:
    """Return the value with each timestamp mapped; the same object when nothing in it changes."""
    if isinstance(value, datetime):
        changed = change(value)
        return value if changed == value else changed
    if is_dataclass(value) and not isinstance(value, type):
        return _map_fields(value, tuple(field.name for field in fields(value) if field.init), change)
    if isinstance(value, Mapping):
        entries = {key: _map_timestamps(item, change) for key, item in value.items()}
        return value if all(entries[key] is item for key, item in value.items()) else entries
    if isinstance(value, tuple):
        items = [_map_timestamps(item, change) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value
