"""Recorded samples of one metric of one subject."""

from dataclasses import dataclass
from typing import Literal

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric_values import SamplePoint

Resolution = Literal["raw", "1m", "1h"]


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """The samples of one metric of one subject, oldest first. `subject` is empty for cross, account and monitor."""

    metric: str
    account: str
    scope: MetricScope
    subject: str
    resolution: Resolution
    points: tuple[SamplePoint, ...]
