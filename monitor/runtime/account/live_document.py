"""The live document of an account: its text, when it is written again, and how often at most."""

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import msgspec

from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.alert import Alert
from monitor.core.model.events import HealthRead
from monitor.core.model.metric import MetricValue
from monitor.core.state.account_state import AccountState
from monitor.view.documents.account import account_document

MIN_LIVE_INTERVAL_S = 0.9
"""Machine seconds at least between two live documents of an account: every tick may write it, also an early one."""

MAX_LIVE_AGE_S = 5.0
"""Machine seconds after which a document is written again although nothing has visibly changed."""

LIVE_SHARE = 0.1
"""Most of a core that the live documents of many accounts take together."""

LEVEL_STEPS = 1_000
"""Steps of a margin level of 1 that count as visible."""


class LiveOutline(NamedTuple):
    """The part of an account that a reader sees change at once: the rest of its document may be seconds old."""

    levels: tuple[tuple[str, int | None], ...]
    """State of the data and level of each scope, in visible steps; None for a level that is no number."""
    alerts: tuple[tuple[object, ...], ...]
    streams: tuple[bool, ...]
    health: HealthRead
    """Without the figures that change all the time."""
    parts: tuple[object, ...]
    """Parts of the state, each replaced by an event that is no price and no tick."""

    def is_same(self, other: "LiveOutline") -> bool:
        """Return whether nothing visible differs. Parts are compared by identity: they may be large."""
        return self[:-1] == other[:-1] and all(map(_is_identical, self.parts, other.parts))


def outline_account(state: AccountState, metrics: MetricsSnapshot) -> LiveOutline:
    """Return the outline of an account whose margin subjects are measured."""
    scopes = [metrics.get(subject) for subject in metrics.margin_subjects]
    return LiveOutline(
        tuple((scope.state, _visible_level(scope.display.get("margin_level"))) for scope in scopes),
        tuple(_outline_alert(alert) for alert in state.alerts.values()),
        tuple(stream.connected for stream in state.streams.values()),
        replace(state.health, clock_offset_s=None, weight_used=None),
        (
            state.cross,
            state.isolated,
            state.live_balances,
            state.thresholds,
            state.interest.charges,
            state.interest.rates,
            state.liquidations,
            state.odds,
            state.reference,
            state.wallets,
            state.keys,
            state.polling.last_failure,
            state.commands,
            state.intents,
            state.action_blocks,
            state.foreign_activity,
            state.record_coverage,
        ),
    )


def render_live_document(state: AccountState, metrics: MetricsSnapshot, version: str) -> str:
    """Return the account's status document as the store holds it for readers."""
    return msgspec.json.encode(account_document(state, metrics.settings, metrics.now, version, metrics)).decode()


def _outline_alert(alert: Alert) -> tuple[object, ...]:
    return (
        alert.id,
        alert.state,
        alert.severity,
        alert.notified_at,
        alert.acked_at,
        alert.escalated,
        alert.silenced_by,
        alert.inhibited_by,
        alert.kept_quiet_by,
    )


def _visible_level(level: MetricValue | None) -> int | None:
    return int(level * LEVEL_STEPS) if isinstance(level, Decimal) and level.is_finite() else None


def _is_identical(one: object, other: object) -> bool:
    return one is other
