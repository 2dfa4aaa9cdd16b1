"""Metrics of the monitor itself: data ages, streams, drift and its own health."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from monitor.core.metrics.poll_intervals import (
    choose_intervals,
    effective_interval,
    remember_intervals,
    required_streams,
)
from monitor.core.metrics.scope_metrics import UNAVAILABLE
from monitor.core.metrics.unknown_conditions import count_lasting
from monitor.core.metrics.valuation import MAX_CLOCK_AHEAD
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
    """Return the monitor's metrics of one account. `scopes`: the metrics of cross and all pairs."""
    scopes = tuple(scopes)
    age, interval = _max_overdue(state, settings, scopes, now)
    streams = [state.streams.get(name, StreamStatus()) for name in required_streams(settings)]
    last_received = [s.last_frame_at or s.changed_at or state.started_at for s in streams]
    drifts = [figures.drift for figures in scopes if figures.drift is not None]
    values: dict[str, MetricValue] = {
        "data_age": age,
        "poll_interval": interval,
        "price_age": _age_value(_last_live_price(state), now),
        "stream_connected": Decimal(all(s.connected for s in streams)),
        "stream_silence": _age_value(min(last_received), now),
        "clock_offset": _or_unavailable(state.health.clock_offset_s),
        "weight_used": _or_unavailable(state.health.weight_used),
        "live_drift": max(drifts) if drifts else UNAVAILABLE,
        "notifications_failing": Decimal(state.health.notifications_failing),
        "store_failing": Decimal(state.health.store_failing),
        "store_space_low": UNAVAILABLE if (low := state.health.store_space_low) is None else Decimal(low),
        "account_failing": Decimal(state.health.account_failing),
        "lease_held": Decimal(state.health.lease_held),
        "conditions_unknown": count_lasting(state.measurement.unknown_conditions, now),
    }
    return MetricValues("monitor", "", "ok", now, "poll", values, values)


def metrics_unseen_since_start(state: AccountState, settings: AccountSettings) -> frozenset[str]:
    """Return the metrics whose age counts from the start because no data have come yet.

    They can fire an alert, but not resolve one.
    """
    unread = (settings.cross and state.cross is None) or (settings.isolated != () and state.isolated is None)
    has_no_price = state.prices.newest_at is None or state.streams.get("market", StreamStatus()).last_frame_at is None
    return (frozenset({"data_age", "poll_interval"}) if unread else frozenset()) | (
        frozenset({"price_age"}) if has_no_price else frozenset()
    )


def _age_value(at: datetime, now: datetime) -> MetricValue:
    """Return the seconds since `at`; unavailable if it lies further in the future than the clock may be off."""
    return UNAVAILABLE if at - now > MAX_CLOCK_AHEAD else max(ZERO, seconds_between(at, now))


def _read_age(at: datetime, now: datetime) -> Decimal:
    """Return the seconds since a read; the age of a read dated in the future is its distance from now.

    Such a read is as good as none.
    """
    age = seconds_between(at, now)
    return abs(age) if at - now > MAX_CLOCK_AHEAD else max(ZERO, age)


def _last_live_price(state: AccountState) -> datetime:
    """Return the time of the newest price, but no later than the last frame of the market stream.

    Prices that are polled while the stream is dead do not prove that the stream is alive.
    """
    last_frame_at = state.streams.get("market", StreamStatus()).last_frame_at
    return min(state.prices.newest_at or state.started_at, last_frame_at or state.started_at)


def _max_overdue(
    state: AccountState, settings: AccountSettings, scopes: tuple[MetricValues, ...], now: datetime
) -> tuple[Decimal, Decimal]:
    """Return age and interval (seconds) of the most overdue poll of a scope; before the first read, since the start."""
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
