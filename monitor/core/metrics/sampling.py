"""Which figures are kept: each metric when a scope was read and only if it changed; and when it went missing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.alert import MetricScope
from monitor.core.model.events import CrossRead, Event, IsolatedRead, Tick
from monitor.core.model.journal import Sample
from monitor.core.model.metric import Missing, Value
from monitor.core.model.metric_values import Figures
from monitor.core.state.account_state import Sampled

SAMPLE_EVERY = timedelta(seconds=10)
"""A series gets a new point at most this often."""

REPEAT_AFTER = timedelta(hours=1)
"""A value that does not change is written again after this long."""

HELD_FOR = 2 * REPEAT_AFTER
"""A sample holds until the next one, but no longer than this."""

Series = tuple[MetricScope, str, str]


def due_samples(
    sampled: Mapping[Series, Sampled],
    figures: Mapping[tuple[MetricScope, str], Figures],
    event: Event,
    now: datetime,
) -> tuple[tuple[Sample, ...], Mapping[Series, Sampled]]:
    """The samples to keep after `event`, and what was last kept of every series then.

    Snapshots give points; one that came too soon after the last point gives it as soon as the next may be. Between
    them else only the end of a series is written, when its figures went stale.
    """
    reading = isinstance(event, (CrossRead, IsolatedRead))
    put_off = _put_off(sampled, now) if isinstance(event, Tick) else frozenset()
    samples: list[Sample] = []
    kept: dict[Series, Sampled] = {}
    for (kind, name), measured in figures.items():
        ended = measured.state == "stale"
        if not reading and not ended and not put_off:
            continue
        for metric in measured.values:
            series = (kind, name, metric)
            if not reading and not ended and series not in put_off:
                # What is not asked for is not worked out.
                continue
            value, last = measured.values[metric], sampled.get(series)
            if value is Missing.NOT_APPLICABLE:
                continue
            if last is not None and not _is_due(last, value, now):
                is_put_off = reading and value != last.value and now - last.at < SAMPLE_EVERY
                if is_put_off != last.is_put_off and (reading or series in put_off):
                    kept[series] = last._replace(is_put_off=is_put_off)
                continue
            kept[series] = Sampled(now, value)
            samples.append(Sample(kind, name, metric, now, value if isinstance(value, Decimal) else None))
    return tuple(samples), ({**sampled, **kept} if kept else sampled)


def _put_off(sampled: Mapping[Series, Sampled], now: datetime) -> frozenset[Series]:
    """The series that lack a point which they may have by now."""
    return frozenset(series for series, last in sampled.items() if last.is_put_off and now - last.at >= SAMPLE_EVERY)


def _is_due(last: Sampled, value: Value, now: datetime) -> bool:
    at, was, _ = last
    if isinstance(was, Decimal) and value is Missing.UNAVAILABLE:
        return now > at
    return now - at >= SAMPLE_EVERY and (value != was or now - at >= REPEAT_AFTER)
