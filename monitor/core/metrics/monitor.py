"""The figures of an account as a whole, and of how well the daemon sees it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from monitor.core.metrics.common import UNAVAILABLE
from monitor.core.metrics.poll_intervals import (
    choose_intervals,
    effective_interval,
    remember_intervals,
    required_streams,
)
from monitor.core.metrics.unknown_conditions import count_lasting
from monitor.core.metrics.valuation import MAX_CLOCK_AHEAD, newest_price_at
from monitor.core.model.account import pairs_as_of
from monitor.core.model.metric import MetricValue
from monitor.core.model.metric_values import MetricValues
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.core.numbers.durations import seconds_between, to_seconds
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.stream_status import StreamStatus


def measure_monitor(
    state: AccountState, settings: AccountSettings, scopes: Iterable[MetricValues], now: datetime
) -> MetricValues:
    """How well the daemon sees this account: ages, streams, drift, its own health. `scopes`: cross and all pairs."""
    scopes = tuple(scopes)
    age, interval = _max_overdue(state, settings, scopes, now)
    streams = [state.streams.get(name, StreamStatus()) for name in required_streams(settings)]
    heard = [s.last_frame_at or s.changed_at or state.started_at for s in streams]
    drifts = [figures.drift for figures in scopes if figures.drift is not None]
    values: dict[str, MetricValue] = {
        "data_age": age,
        "poll_interval": interval,
        "price_age": _age_value(_last_live_price(state), now),
        "stream_connected": Decimal(all(s.connected for s in streams)),
        "stream_silence": _age_value(min(heard), now),
        "clock_offset": _or_unavailable(state.health.clock_offset_s),
        "weight_used": _or_unavailable(state.health.weight_used),
        "live_drift": max(drifts) if drifts else UNAVAILABLE,
        "notifications_failing": Decimal(state.health.notifications_failing),
        "store_failing": Decimal(state.health.store_failing),
        "store_space_low": UNAVAILABLE if (low := state.health.store_space_low) is None else Decimal(low),
        "account_failing": Decimal(state.health.account_failing),
        "conditions_unknown": count_lasting(state.unknown_conditions, now),
    }
    return MetricValues("monitor", "", "ok", now, "poll", values, values)


def metrics_unseen_since_start(state: AccountState, settings: AccountSettings) -> frozenset[str]:
    """The metrics that are counted from the start because nothing has come yet: they can alarm, not reassure."""
    unread = (settings.cross and state.cross is None) or (settings.isolated != () and state.isolated is None)
    unheard = newest_price_at(state) is None or state.streams.get("market", StreamStatus()).last_frame_at is None
    return (frozenset({"data_age", "poll_interval"}) if unread else frozenset()) | (
        frozenset({"price_age"}) if unheard else frozenset()
    )


def _age_value(at: datetime, now: datetime) -> MetricValue:
    """Seconds since; not known where it lies in the future, beyond what is known of the time."""
    return UNAVAILABLE if at - now > MAX_CLOCK_AHEAD else max(ZERO, seconds_between(at, now))


def _read_age(at: datetime, now: datetime) -> Decimal:
    """Seconds since a read; one that lies in the future is as far off as its stamp, and as good as none."""
    age = seconds_between(at, now)
    return abs(age) if at - now > MAX_CLOCK_AHEAD else max(ZERO, age)


def _last_live_price(state: AccountState) -> datetime:
    """When the newest price was true, but no later than the market stream was last heard.

    Prices that are polled because the stream is dead are no sign of its life.
    """
    heard = state.streams.get("market", StreamStatus()).last_frame_at
    return min(newest_price_at(state) or state.started_at, heard or state.started_at)


def _max_overdue(
    state: AccountState, settings: AccountSettings, scopes: tuple[MetricValues, ...], now: datetime
) -> tuple[Decimal, Decimal]:
    """Age and interval (seconds) of the scope whose poll is most overdue, counted from the start while nothing came."""
    as_of: Mapping[str, datetime | None] = {
        "cross": state.cross.as_of if state.cross is not None else None,
        "isolated": pairs_as_of(state.isolated, settings.isolated),
    }
    reads = [
        (
            _read_age(as_of[name] or state.started_at, now),
            to_seconds(effective_interval(paced, now)),
        )
        for name, paced in remember_intervals(state, choose_intervals(state, settings, scopes), now).items()
    ]
    return max(reads, key=lambda read: read[0] / read[1], default=(ZERO, ONE))


def _or_unavailable(value: Decimal | None) -> MetricValue:
    return UNAVAILABLE if value is None else value
