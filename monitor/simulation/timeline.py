"""What happened in a rehearsal: the alerts that fired, who was told, what was done, and the lowest levels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.alert import Alert, AlertState, Notification, Reason, Severity
from monitor.core.model.blocks import counting
from monitor.core.model.intent import Intent, IntentState
from monitor.simulation.simulator import Moment

Hears = Mapping[str, frozenset[Severity]]
"""The severities that each channel is told of."""


@dataclass(frozen=True, slots=True)
class Low:
    """The lowest level of a scope, and when."""

    level: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Blocked:
    """A limit that stood in the way of an action from `since` on."""

    action: str
    reason: str
    since: datetime


@dataclass(slots=True)
class Chronicle:
    """The story so far. `alerts` are in the order in which they began, `done` in that of the orders."""

    hears: Hears = field(default_factory=dict)
    alerts: dict[int, Alert] = field(default_factory=dict)
    told: dict[int, list[str]] = field(default_factory=dict)
    """The channels that each alert was told to, by the alert's number; its end apart."""
    done: list[Intent] = field(default_factory=list)
    blocked: dict[tuple[Scope, str], str] = field(default_factory=dict)
    """What a limit stops now: scope and action → the limit."""
    stopped: list[Blocked] = field(default_factory=list)
    lows: dict[Scope, Low] = field(default_factory=dict)
    liquidated: dict[Scope, datetime] = field(default_factory=dict)

    def note(self, moment: Moment) -> None:
        """Take in one more moment."""
        for alert in moment.entry.alerts:
            self.alerts[alert.id] = alert
        for alert in moment.state.alerts.values():
            self.alerts[alert.id] = alert
        for notification in moment.entry.notifications:
            self._tell(notification)
        self.done += [intent for intent in moment.done if intent.state is IntentState.CONFIRMED]
        self._stop(moment)
        for scope, level in moment.levels.items():
            if level.is_finite() and (scope not in self.lows or level < self.lows[scope].level):
                self.lows[scope] = Low(level, moment.at)
        for scope in moment.liquidated:
            self.liquidated.setdefault(scope, moment.at)

    @property
    def fired(self) -> tuple[Alert, ...]:
        """Every alert that fired, in the order of their firing."""
        fired = [alert for alert in self.alerts.values() if alert.fired_at is not None]
        return tuple(sorted(fired, key=lambda alert: (alert.fired_at or alert.since, alert.id)))

    @property
    def open(self) -> tuple[Alert, ...]:
        """Every alert that is pending or firing now."""
        return tuple(a for a in self.alerts.values() if a.state in (AlertState.PENDING, AlertState.FIRING))

    def _tell(self, notification: Notification) -> None:
        if notification.reason is Reason.RESOLVED:
            return
        told = self.told.setdefault(notification.alert, [])
        told += [
            name
            for name in notification.channels
            if name not in told and notification.severity in self.hears.get(name, (notification.severity,))
        ]

    def _stop(self, moment: Moment) -> None:
        blocked = counting(moment.state.blocked)
        for key, reason in blocked.items():
            if self.blocked.get(key) != reason:
                self.stopped.append(Blocked(key[1], reason, moment.at))
        self.blocked = blocked
