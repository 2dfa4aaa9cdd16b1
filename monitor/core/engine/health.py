"""Health check for the dead man's switch: reasons why not all is well."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.snapshot import MONITOR_SUBJECT, MetricsSnapshot
from monitor.core.metrics.unknown_conditions import unknown_text
from monitor.core.numbers.durations import span_text, to_seconds
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState

STANDSTILL_STEPS = 2
"""Intervals between two steps after which none counts as a standstill, also where pings come more often."""

MAX_MISSED_INTERVALS = 2
"""Maximum age of fresh data in intervals: of the reads or of the pings, whichever is longer."""


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """State of one account, the time of its last completed step, and the interval between two of them.

    `state` None: the account is not running.
    """

    settings: AccountSettings
    state: AccountState | None
    last_step_at: datetime
    step_interval: timedelta = timedelta(seconds=1)


def health_problems(
    accounts: Mapping[str, AccountHealth],
    channel_problems: Mapping[str, str],
    store_failing: bool,
    ping_interval: timedelta,
    now: datetime,
) -> tuple[str, ...]:
    """Return the reasons why the heartbeat must not report that all is well; empty if it may.

    Data must be fresh, no critical condition may stay unknown, every account must complete its steps, the store must be
    written, and no channel may fail. `channel_problems` are the failing channels with their reasons, `ping_interval` is
    the time between two pings.
    """
    found: list[str] = []
    for name, watched in accounts.items():
        found += _account_problems(name, watched, ping_interval, now)
    if store_failing:
        found.append("the database can't be written")
    found += [f"channel {name} does not work: {why}" for name, why in sorted(channel_problems.items())]
    return tuple(found)


def _account_problems(name: str, account: AccountHealth, ping_interval: timedelta, now: datetime) -> list[str]:
    standstill = now - account.last_step_at
    if account.state is None:
        return [f"account {name} is not running"]
    if standstill > max(ping_interval, STANDSTILL_STEPS * account.step_interval):
        return [f"account {name} has completed no step for {span_text(to_seconds(standstill))}"]
    snapshot = MetricsSnapshot(account.state, account.settings, now)
    if "data_age" in snapshot.unseen_since_start:
        return [f"account {name} was not read yet"]
    metrics = snapshot.get(MONITOR_SUBJECT)
    age, interval = metrics.display["data_age"], metrics.display["poll_interval"]
    assert isinstance(age, Decimal) and isinstance(interval, Decimal)
    bound = min(
        MAX_MISSED_INTERVALS * max(interval, to_seconds(ping_interval)), to_seconds(account.settings.stale_after)
    )
    if age > bound:
        return [f"account {name} was not read for {span_text(age)}"]
    return (
        [f"account {name}: {unknown_text(account.state.measurement.unknown_conditions, now)}"]
        if metrics.display["conditions_unknown"]
        else []
    )
