"""What was stamped by a clock that was ahead: it happened, so no stamp of it may lie in the future."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from monitor.core.state.account_state import AccountState

T = TypeVar("T")

STAMPED = (
    "started_at",
    "cross",
    "isolated",
    "picture",
    "prices",
    "priced_at",
    "price_history",
    "cross_priced_at",
    "isolated_priced_at",
    "interest",
    "rates",
    "next_rates",
    "liquidations_at",
    "wallets",
    "streams",
    "last_failure",
    "failed_at",
    "alerts",
    "sampled",
    "paced",
)
"""The parts of a state in which every moment is one at which something happened. Nothing else is touched: silences and
keys end in the future, and what an order did is never made younger."""

STAMPED_BESIDE = ("orders", "untold", "told_at", "moved_at", "asked_at", "ledger_at", "indexes", "index_asked_at")


def corrected(state: AccountState, by: timedelta, now: datetime) -> AccountState:
    """The state after the clock was set back by `by` (negative) to `now`: ages stay what they were."""
    return _restamped(state, lambda at: at + by if at > now else at)


def no_later(value: T, now: datetime) -> T:
    """The value with no stamp in it after `now`, as far as anybody can tell when it was made."""
    return cast("T", _changed(value, lambda at: min(at, now)))


def _restamped(state: AccountState, change: Callable[[datetime], datetime]) -> AccountState:
    followed = _replaced(state.followed, STAMPED_BESIDE, change)
    return cast("AccountState", replace(_replaced(state, STAMPED, change), followed=followed))


def _replaced(value: Any, names: tuple[str, ...], change: Callable[[datetime], datetime]) -> Any:
    known = {field.name for field in fields(value)}
    found = {name: getattr(value, name) for name in names if name in known}
    new = {name: _changed(old, change) for name, old in found.items()}
    new = {name: each for name, each in new.items() if each is not found[name]}
    return replace(value, **new) if new else value


def _changed(value: Any, change: Callable[[datetime], datetime]) -> Any:
    """The same object where nothing in it changes."""
    if isinstance(value, datetime):
        changed = change(value)
        return value if changed == value else changed
    if is_dataclass(value) and not isinstance(value, type):
        return _replaced(value, tuple(field.name for field in fields(value) if field.init), change)
    if isinstance(value, Mapping):
        entries = {key: _changed(each, change) for key, each in value.items()}
        return value if all(entries[key] is each for key, each in value.items()) else entries
    if isinstance(value, tuple):
        items = [_changed(each, change) for each in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value
