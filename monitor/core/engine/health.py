"""Whether all is well enough to say so to a dead man's switch, and what is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.snapshot import MONITOR, Sight
from monitor.core.metrics.unknown_conditions import unknown_text
from monitor.core.numbers.durations import span_text
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState

SHORTEST_STANDSTILL = timedelta(seconds=2)
"""Accounts complete a step twice a second; an interval of a second is no reason to doubt them."""

OVERDUE = 2
"""Data are fresh until they are this many intervals old: of the reads or of the pings, whichever is longer."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One account: what is known of it, and since when it has completed no step. `state` None: it is not running."""

    settings: Settings
    state: AccountState | None
    stepped_at: datetime


def ailments(
    accounts: Mapping[str, Watched],
    troubles: Mapping[str, str],
    store_failing: bool,
    every: timedelta,
    now: datetime,
) -> tuple[str, ...]:
    """Why the heartbeat must not say that all is well; empty when it may.

    Data must be fresh, no critical condition may stay unknown, every account must complete its steps, the store must be
    written, and no channel may fail.
    `troubles` are the channels that do not work and why, `every` is how often a ping is due.
    """
    found: list[str] = []
    for name, watched in accounts.items():
        found += _account(name, watched, every, now)
    if store_failing:
        found.append("the database can't be written")
    found += [f"channel {name} does not work: {why}" for name, why in sorted(troubles.items())]
    return tuple(found)


def _account(name: str, watched: Watched, every: timedelta, now: datetime) -> list[str]:
    standstill = now - watched.stepped_at
    if watched.state is None:
        return [f"account {name} is not running"]
    if standstill > max(every, SHORTEST_STANDSTILL):
        return [f"account {name} has completed no step for {_span(standstill)}"]
    sight = Sight(watched.state, watched.settings, now)
    if "data_age" in sight.only_counted:
        return [f"account {name} was not read yet"]
    figures = sight.of(MONITOR)
    age, interval = figures.shown["data_age"], figures.shown["poll_interval"]
    assert isinstance(age, Decimal) and isinstance(interval, Decimal)
    bound = min(OVERDUE * max(interval, _seconds(every)), _seconds(watched.settings.stale_after))
    if age > bound:
        return [f"account {name} was not read for {span_text(age)}"]
    return (
        [f"account {name}: {unknown_text(watched.state.unknown, now)}"] if figures.shown["conditions_unknown"] else []
    )


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def _span(span: timedelta) -> str:
    return span_text(_seconds(span))
