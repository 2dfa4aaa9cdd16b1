"""Timeline of a simulation: alerts, notified channels, executed orders, lowest levels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.action_blocks import blocked_live_actions
from monitor.core.model.alert import Alert, AlertState, Notification, NotificationReason, Severity
from monitor.core.model.intent import Intent, IntentState
from monitor.simulation.simulator import SimulationStep

ChannelSeverities = Mapping[str, frozenset[Severity]]
"""Severities of which each channel is notified."""


@dataclass(frozen=True, slots=True)
class LowestLevel:
    """Lowest margin level of a scope, and its time."""

    level: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class BlockedAction:
    """A limit that blocked an action from `since` on."""

    action: str
    reason: str
    since: datetime


@dataclass(slots=True)
class SimulationTimeline:
    """The timeline so far. `alerts` are in the order of their beginning, `executed` in that of execution."""

    channel_severities: ChannelSeverities = field(default_factory=dict)
    alerts: dict[int, Alert] = field(default_factory=dict)
    notified_channels: dict[int, list[str]] = field(default_factory=dict)
    """Channels notified of each alert, by the alert's number, without notifications of its end."""
    executed: list[Intent] = field(default_factory=list)
    current_blocks: dict[tuple[Scope, str], str] = field(default_factory=dict)
    """Reasons of the actions that are blocked now, by scope and action."""
    blocked_actions: list[BlockedAction] = field(default_factory=list)
    lows: dict[Scope, LowestLevel] = field(default_factory=dict)
    liquidated: dict[Scope, datetime] = field(default_factory=dict)

    def record(self, step: SimulationStep) -> None:
        """Add one step of the simulation."""
        for alert in step.entry.alerts:
            self.alerts[alert.id] = alert
        for alert in step.state.alerts.values():
            self.alerts[alert.id] = alert
        for notification in step.entry.notifications:
            self._record_notification(notification)
        self.executed += [intent for intent in step.executed if intent.state is IntentState.CONFIRMED]
        self._record_blocks(step)
        for scope, level in step.levels.items():
            if level.is_finite() and (scope not in self.lows or level < self.lows[scope].level):
                self.lows[scope] = LowestLevel(level, step.at)
        for scope in step.liquidated:
            self.liquidated.setdefault(scope, step.at)

    @property
    def fired(self) -> tuple[Alert, ...]:
        """Every alert that fired, in the order of firing."""
        fired = [alert for alert in self.alerts.values() if alert.fired_at is not None]
        return tuple(sorted(fired, key=lambda alert: (alert.fired_at or alert.since, alert.id)))

    @property
    def open(self) -> tuple[Alert, ...]:
        """Every alert that is pending or firing now."""
        return tuple(a for a in self.alerts.values() if a.state in (AlertState.PENDING, AlertState.FIRING))

    def _record_notification(self, notification: Notification) -> None:
        if notification.reason is NotificationReason.RESOLVED:
            return
        channels = self.notified_channels.setdefault(notification.alert, [])
        channels += [
            name
            for name in notification.channels
            if name not in channels
            and notification.severity in self.channel_severities.get(name, (notification.severity,))
        ]

    def _record_blocks(self, step: SimulationStep) -> None:
        blocked = blocked_live_actions(step.state.action_blocks)
        for key, reason in blocked.items():
            if self.current_blocks.get(key) != reason:
                self.blocked_actions.append(BlockedAction(key[1], reason, step.at))
        self.current_blocks = blocked
