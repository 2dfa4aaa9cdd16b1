"""The daemon at one moment, as `/metrics` shows it: taken in the event loop, rendered in a thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState

WebCounts = Mapping[str, int]
"""Counts and gauges of the web server by the name of their metric."""


@dataclass(frozen=True, slots=True)
class ActivityCounts:
    """Counts since the process started, and the last reload.

    Keys: reads by account, name and result; stream events by account and type; actions by kind and result; messages by
    channel and result.
    """

    reads: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    stream_events: Mapping[tuple[str, str], int] = field(default_factory=dict)
    actions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    messages: Mapping[tuple[str, str], int] = field(default_factory=dict)
    is_last_reload_ok: bool = True
    config_loaded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountView:
    """One configured account. `state` None: it never started. `is_failing`: its tasks are down.

    `last_metrics`: what the account's last tick or read measured, if anything. `is_held` False: another daemon watches
    it, or none.
    """

    name: str
    state: AccountState | None
    settings: AccountSettings
    is_failing: bool = False
    last_metrics: MetricsSnapshot | None = None
    is_held: bool = True


@dataclass(frozen=True, slots=True)
class DaemonView:
    """Everything that `/metrics` shows of the daemon, as it was at `now`; nothing in it changes any more."""

    now: datetime
    version: str
    started_at: datetime | None
    accounts: tuple[AccountView, ...]
    channels: tuple[str, ...]
    activity: ActivityCounts
