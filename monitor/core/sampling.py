"""Which figures are kept: each metric when a scope was read and only if it changed; and when it went missing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.alerts import MetricScope
from monitor.core.events import CrossRead, Event, IsolatedRead
from monitor.core.figures import Figures
from monitor.core.journal import Sample
from monitor.core.metrics import Missing, Value

SAMPLE_EVERY = timedelta(seconds=10)
"""A series gets a new point at most this often."""

REPEAT_AFTER = timedelta(hours=1)
"""A value that does not change is written again after this long."""

Series = tuple[MetricScope, str, str]
Sampled = Mapping[Series, tuple[datetime, Value]]


def due_samples(
    sampled: Sampled, figures: Mapping[tuple[MetricScope, str], Figures], event: Event, now: datetime
) -> tuple[tuple[Sample, ...], Sampled]:
    """The samples to keep after `event`, and what was last kept of every series then.

    Snapshots give points; between them only the end of a series is written, when its figures went stale.
    """
    reading = isinstance(event, (CrossRead, IsolatedRead))
    samples: list[Sample] = []
    kept: dict[Series, tuple[datetime, Value]] = {}
    for (kind, name), measured in figures.items():
        if not reading and measured.state != "stale":
            continue
        for metric, value in measured.values.items():
            series = (kind, name, metric)
            last = sampled.get(series)
            if value is Missing.NOT_APPLICABLE or (last is not None and not _is_due(last, value, now)):
                continue
            kept[series] = (now, value)
            samples.append(Sample(kind, name, metric, now, value if isinstance(value, Decimal) else None))
    return tuple(samples), ({**sampled, **kept} if kept else sampled)


def _is_due(last: tuple[datetime, Value], value: Value, now: datetime) -> bool:
    at, was = last
    if isinstance(was, Decimal) and value is Missing.UNAVAILABLE:
        return now > at
    return now - at >= SAMPLE_EVERY and (value != was or now - at >= REPEAT_AFTER)
