"""Critical conditions that stay unknown although the account is read."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from monitor.core.model.alert import AlertKey, UnknownCondition, UnknownConditions
from monitor.core.model.metric import MetricValue, MissingValue

if TYPE_CHECKING:
    from monitor.core.state.account_settings import AccountSettings
    from monitor.core.state.account_state import AccountState

UNKNOWN_GRACE = timedelta(minutes=1)
"""Time after which an unknown condition counts."""

MAX_NAMED = 3
"""Maximum number of conditions named in one line."""

NEVER = timedelta(days=36_500)
"""Additional time of metrics whose history may stay too short for good: an asset is new, or past prices can't be read.

The channels are notified when odds can't be measured; no other alert depends on them.
"""

HISTORY_NEEDED: Mapping[str, timedelta] = MappingProxyType(
    {
        "margin_level_change_5m": timedelta(minutes=5),
        "peg_deviation": timedelta(minutes=70),
        "interest_24h_usdt": timedelta(minutes=30),
        "interest_30d_usdt": timedelta(minutes=30),
        "liquidation_odds_1d": NEVER,
        "liquidation_odds_7d": NEVER,
        "worst_level_1d": NEVER,
    }
)
"""Metrics that need a history first: a condition that lacks nothing else gets this additional time."""


def missing_metrics(names: Sequence[str], read: Callable[[str], MetricValue]) -> tuple[str, ...]:
    """Return the metrics of a condition that are unavailable."""
    return tuple(name for name in names if read(name) is MissingValue.UNAVAILABLE)


def update_unknown(
    state: "AccountState",
    settings: "AccountSettings",
    missing_by_key: Mapping[AlertKey, tuple[str, ...]],
    now: datetime,
) -> UnknownConditions:
    """Return the unknown conditions after an evaluation that gave `missing_by_key`.

    Conditions of a scope that is not read are left out: the alert about old data covers them.
    """
    known = state.measurement.unknown_conditions
    if not missing_by_key and not known:
        return known
    seen = {kind: _is_read(state, settings, kind, now) for kind in ("cross", "isolated")}
    after: dict[AlertKey, UnknownCondition] = {}
    for key, missing in missing_by_key.items():
        if not (seen[key.scope] if key.scope in seen else all(seen.values())):
            continue
        before = known.get(key)
        after[key] = (
            before
            if before is not None and before.missing_metrics == missing
            else UnknownCondition(before.since if before is not None else now, missing)
        )
    return after if after != known else known


def filter_lasting(unknown: UnknownConditions, now: datetime) -> UnknownConditions:
    """Return the conditions that have been unknown for too long."""
    return {
        key: condition
        for key, condition in unknown.items()
        if now - condition.since > UNKNOWN_GRACE + _history_needed(condition.missing_metrics)
    }


def unknown_text(unknown: UnknownConditions, now: datetime) -> str:
    """Return the lasting unknown conditions in one line.

    Such as `2 conditions unknown: near-call of cross (margin call level), depeg of BNB (peg deviation)`.
    """
    counted = filter_lasting(unknown, now)
    named = [_condition_text(key, condition) for key, condition in sorted(counted.items())]
    more = [f"{len(named) - MAX_NAMED} more"] if len(named) > MAX_NAMED else []
    word = "condition" if len(named) == 1 else "conditions"
    parts = [*named[:MAX_NAMED], *more]
    return f"{len(named)} {word} unknown" + (f": {', '.join(parts)}" if parts else "")


def count_lasting(unknown: UnknownConditions, now: datetime) -> Decimal:
    """Return the number of conditions that have been unknown for too long."""
    return Decimal(len(filter_lasting(unknown, now))) if unknown else Decimal(0)


def missing_text(names: Sequence[str]) -> str:
    """Return the missing metrics in words."""
    return ", ".join(name.replace("_", " ") for name in names) or "its arithmetic has no result"


def _condition_text(key: AlertKey, condition: UnknownCondition) -> str:
    return f"{key.rule} of {key.subject or key.scope} ({missing_text(condition.missing_metrics)})"


def _history_needed(names: Sequence[str]) -> timedelta:
    return min((HISTORY_NEEDED.get(name, timedelta(0)) for name in names), default=timedelta(0))


def _is_read(state: "AccountState", settings: "AccountSettings", kind: str, now: datetime) -> bool:
    """Return whether the snapshot of this kind of scope is fresh; an unwatched kind counts as fresh."""
    if not (settings.cross if kind == "cross" else settings.isolated != ()):
        return True
    snapshot = state.cross if kind == "cross" else state.isolated
    return snapshot is not None and now - snapshot.as_of <= settings.stale_after
