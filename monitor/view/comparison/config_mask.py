"""The configuration in force, masked: only keys that figures depend on keep their values."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monitor.core.numbers.amounts import format_decimal
from monitor.core.numbers.durations import format_duration
from monitor.view.comparison.answer_mask import MASK

KEPT_KEYS: Mapping[str, frozenset[str]] = {
    "storage": frozenset({"retain_samples", "retain_events", "lease"}),
    "exchange": frozenset({"account_stream", "recv_window", "request_timeout"}),
    "schedule": frozenset({
        "cross", "isolated", "near_liquidation", "interest", "interest_rates", "transfers", "liquidations",
        "capital_flow", "reference_data", "key_permissions", "stale_after",
    }),
    "safety": frozenset({"settle", "unresolved_after"}),
    "risk": frozenset({"stable_assets", "pegs", "history", "drift_bound", "isolated_margin_call"}),
    "accounts": frozenset({"cross", "isolated"}),
    "channels": frozenset({"severities", "send_resolved", "timeout"}),
    "actions": frozenset({"kind", "mode", "max_data_age", "cooldown", "approve_within", "on_no_answer"}),
    "rules": frozenset({"scope", "severity", "for", "keep_firing_for", "repeat"}),
}  # fmt: skip
"""Keys whose values are shown, by table; a key that is not listed is there with a mask for its value."""


def mask_config(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of `config show` with everything masked that names a person, a place or an amount."""
    return {table: _mask_table(KEPT_KEYS.get(table, frozenset()), value) for table, value in shown.items()}


def _mask_table(kept: frozenset[str], value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(one) if key in kept else MASK for key, one in value.items()}
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return [_mask_table(kept, one) for one in value]
    return MASK


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return format_duration(value)
        case Decimal():
            return format_decimal(value)
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple() | frozenset():
            return [_plain(one) for one in value]
        case _:
            return value if value is None or isinstance(value, bool | int) else str(value)
