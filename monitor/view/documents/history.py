"""Recorded samples of one metric and subject as a JSON document."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS
from monitor.view.json_values import Document, json_decimal, json_time


class Sampled(Protocol):
    """One sample; `missing` is the reason for a `value` of None."""

    @property
    def at(self) -> datetime: ...
    @property
    def value(self) -> Decimal | None: ...
    @property
    def missing(self) -> Literal["infinite", "unavailable"] | None: ...


class Series(Protocol):
    """One metric of one subject as the store reads it, oldest first."""

    @property
    def metric(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def scope(self) -> MetricScope: ...
    @property
    def subject(self) -> str: ...
    @property
    def resolution(self) -> Literal["raw", "1m", "1h"]: ...
    @property
    def points(self) -> Sequence[Sampled]: ...


def history_document(series: Series) -> Document:
    """The series as a document; a value of null was infinite or unavailable."""
    metric = METRICS.get(series.metric)
    return {
        "metric": series.metric,
        "account": series.account,
        "scope": series.scope,
        "subject": series.subject or None,
        "unit": metric.unit.value if metric is not None else "",
        "resolution": series.resolution,
        "points": [[json_time(point.at), json_decimal(point.value)] for point in series.points],
    }
