"""Recorded samples of one metric and subject as a JSON document."""

from collections.abc import Iterable

from monitor.core.model.metric import METRICS
from monitor.records.history import HistoryRow
from monitor.view.documents.types.history import HistoryDocument, HistoryListDocument
from monitor.view.json_values import json_decimal, json_time


def history_list_document(series: Iterable[HistoryRow]) -> HistoryListDocument:
    return {"items": [history_document(row) for row in series]}


def history_document(series: HistoryRow) -> HistoryDocument:
    """The series as a document; a value of null was infinite or unavailable."""
    metric = METRICS.get(series.metric)
    return {
        "metric": series.metric,
        "account": series.account,
        "scope": series.scope,
        "subject": series.subject or None,
        "unit": metric.unit.value if metric is not None else "",
        "resolution": series.resolution,
        "points": [(json_time(point.at), json_decimal(point.value)) for point in series.points],
    }
