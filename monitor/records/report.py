"""All rows of a report."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.events import Silence
from monitor.core.numbers.intervals import Span
from monitor.records.alerts import AlertRow, Witnessed
from monitor.records.channels import ChannelRow
from monitor.records.events import EventRow, Failing
from monitor.records.history import HistoryRow
from monitor.records.intents import IntentRow
from monitor.records.interest import InterestSum
from monitor.records.status import StatusRows


@dataclass(frozen=True, slots=True)
class ReportRows:
    """What is recorded of the time since a moment. `series` reach back a little further, to tell how it began."""

    status: StatusRows
    runs: tuple[Span, ...]
    first_run: datetime | None
    series: tuple[HistoryRow, ...]
    charges: tuple[InterestSum, ...]
    charged: dict[tuple[str, str], tuple[Span, ...]]
    alerts: tuple[AlertRow, ...]
    witnessed: tuple[Witnessed, ...]
    intents: tuple[IntentRow, ...]
    movements: tuple[EventRow, ...]
    failures: tuple[Failing, ...]
    rejected: int
    channels: tuple[ChannelRow, ...]
    paused: tuple[str, datetime] | None
    silences: tuple[Silence, ...]
    banned_until: datetime | None
    head: str | None
