"""All rows of a report."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.alert import Silence
from monitor.core.numbers.intervals import Interval
from monitor.records.alerts import AlertRow, AlertValue
from monitor.records.channels import ChannelRow
from monitor.records.events import EventRow, FailedReadsRow
from monitor.records.history import HistoryRow
from monitor.records.intents import IntentRow
from monitor.records.interest import InterestSumRow
from monitor.records.status import StatusRows


@dataclass(frozen=True, slots=True)
class ReportRows:
    """All records since a moment. `series` reach back a little further, to show the state at its beginning."""

    status: StatusRows
    runs: tuple[Interval, ...]
    first_run: datetime | None
    series: tuple[HistoryRow, ...]
    charges: tuple[InterestSumRow, ...]
    charge_spans: dict[tuple[str, str], tuple[Interval, ...]]
    alerts: tuple[AlertRow, ...]
    alert_values: tuple[AlertValue, ...]
    intents: tuple[IntentRow, ...]
    movements: tuple[EventRow, ...]
    failures: tuple[FailedReadsRow, ...]
    rejected: int
    channels: tuple[ChannelRow, ...]
    pause: tuple[str, datetime] | None
    silences: tuple[Silence, ...]
    banned_until: datetime | None
    audit_head: str | None
