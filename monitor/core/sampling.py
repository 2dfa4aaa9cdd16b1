"""Which figures are kept: each metric of a subject when its scope was read, and only when it changed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.alerts import MetricScope
from monitor.core.events import CrossRead, Event, IsolatedRead, PricesRead
from monitor.core.figures import Figures
from monitor.core.journal import Sample
from monitor.core.metrics import Missing, Value

SAMPLE_EVERY = timedelta(seconds=10)
"""A series gets a new point at most this often."""

REPEAT_AFTER = timedelta(hours=1)
"""A value that does not change is written again after this long, so that a gap in the record shows as one."""

Series = tuple[MetricScope, str, str]
Sampled = Mapping[Series, tuple[datetime, Value]]


def due_samples(
    sampled: Sampled, figures: Mapping[tuple[MetricScope, str], Figures], event: Event, now: datetime
) -> tuple[tuple[Sample, ...], Sampled]:
    """The samples to keep after `event`, and what was last kept of every series then."""
    if not isinstance(event, (CrossRead, IsolatedRead, PricesRead)):
        return (), sampled
    samples: list[Sample] = []
    kept = dict(sampled)
    for (kind, name), measured in figures.items():
        for metric, value in measured.values.items():
            series = (kind, name, metric)
            last = sampled.get(series)
            if last is not None and not _is_due(last, value, now):
                continue
            kept[series] = (now, value)
            if value is not Missing.NOT_APPLICABLE:
                samples.append(_sample(series, value, now))
    return tuple(samples), (kept if samples else sampled)


def _is_due(last: tuple[datetime, Value], value: Value, now: datetime) -> bool:
    at, was = last
    return now - at >= SAMPLE_EVERY and (value != was or now - at >= REPEAT_AFTER)


def _sample(series: Series, value: Value, now: datetime) -> Sample:
    kind, name, metric = series
    finite = value if isinstance(value, Decimal) and value.is_finite() else None
    return Sample(kind, name, metric, now, finite)
