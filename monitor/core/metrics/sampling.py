"""Choice of metric values that are stored as samples.

Each metric is sampled when its scope was read, if the value changed, and when it became unavailable.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.alert import MetricScope
from monitor.core.model.events import CrossRead, Event, IsolatedRead, Tick
from monitor.core.model.journal import Sample
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.model.metric_values import REPEAT_AFTER, MetricValues
from monitor.core.state.account_state import LastSample

SAMPLE_INTERVAL = timedelta(seconds=10)
"""Minimum time between two samples of a series."""

SeriesKey = tuple[MetricScope, str, str]


def due_samples(
    last_samples: Mapping[SeriesKey, LastSample],
    metrics: Mapping[tuple[MetricScope, str], MetricValues],
    event: Event,
    now: datetime,
) -> tuple[tuple[Sample, ...], Mapping[SeriesKey, LastSample]]:
    """Return the samples to store after `event`, and the last sample of every series then.

    Snapshots give samples; one that came too soon after the last sample gives it as soon as allowed. Between snapshots
    only the end of a series is written, when its metrics became stale.
    """
    reading = isinstance(event, (CrossRead, IsolatedRead))
    put_off = _deferred_series(last_samples, now) if isinstance(event, Tick) else frozenset()
    samples: list[Sample] = []
    kept: dict[SeriesKey, LastSample] = {}
    for (kind, name), values in metrics.items():
        ended = values.state == "stale"
        if not reading and not ended and not put_off:
            continue
        for metric in values.values:
            series = (kind, name, metric)
            if not reading and not ended and series not in put_off:
                # Metrics that are not read are not computed.
                continue
            value, last = values.values[metric], last_samples.get(series)
            if value is MissingValue.NOT_APPLICABLE:
                continue
            if last is not None and not _is_due(last, value, now):
                is_put_off = reading and value != last.value and now - last.at < SAMPLE_INTERVAL
                if is_put_off != last.is_deferred and (reading or series in put_off):
                    kept[series] = last._replace(is_deferred=is_put_off)
                continue
            kept[series] = LastSample(now, value)
            samples.append(Sample(kind, name, metric, now, value if isinstance(value, Decimal) else None))
    return tuple(samples), ({**last_samples, **kept} if kept else last_samples)


def _deferred_series(last_samples: Mapping[SeriesKey, LastSample], now: datetime) -> frozenset[SeriesKey]:
    """Return the series with a deferred sample that is due now."""
    return frozenset(
        series for series, last in last_samples.items() if last.is_deferred and now - last.at >= SAMPLE_INTERVAL
    )


def _is_due(last: LastSample, value: MetricValue, now: datetime) -> bool:
    at, was, _ = last
    if isinstance(was, Decimal) and value is MissingValue.UNAVAILABLE:
        return now > at
    return now - at >= SAMPLE_INTERVAL and (value != was or now - at >= REPEAT_AFTER)
