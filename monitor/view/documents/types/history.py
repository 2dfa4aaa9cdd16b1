"""Types of recorded samples."""

from typing import TypedDict

from monitor.core.model.alert import MetricScope
from monitor.records.history import Resolution
from monitor.view.documents.types.values import DecimalText, TimeText


class HistoryDocument(TypedDict):
    """The samples of one metric of one subject, oldest first; a value of null was infinite or unavailable."""

    metric: str
    account: str
    scope: MetricScope
    subject: str | None
    unit: str
    resolution: Resolution
    points: list[tuple[TimeText, DecimalText | None]]


class HistoryListDocument(TypedDict):
    """Series of one metric."""

    items: list[HistoryDocument]
