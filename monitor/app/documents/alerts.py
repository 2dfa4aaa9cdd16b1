"""Alerts, one alert, and silences."""

from dataclasses import dataclass

from monitor.errors import RecordNotFound
from monitor.store.commands_in_force import read_silences
from monitor.store.readers.alerts import read_alert, read_alerts
from monitor.store.reads import Reads
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.alerts import alert_document
from monitor.view.documents.silences import silence_document
from monitor.view.documents.types.alerts import AlertDocument, AlertListDocument, SilenceListDocument


@dataclass(frozen=True, slots=True)
class AlertsQuery:
    """The open alerts, or all that ever fired or are open, newest first; `limit`: at most so many."""

    include_closed: bool = False
    limit: int | None = None

    def read(self, reads: Reads) -> AlertListDocument:
        rows = reads.read(read_alerts, include_closed=self.include_closed, limit=self.limit)
        return {"items": [alert_document(row.alert, row.deliveries) for row in rows]}


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """One alert by its number."""

    number: int

    def read(self, reads: Reads) -> AlertDocument:
        """The alert. Raises RecordNotFound."""
        row = reads.read(read_alert, self.number)
        if row is None:
            raise RecordNotFound(f"there is no alert #{self.number}", mend="`margin-monitor alerts` lists them")
        return alert_document(row.alert, row.deliveries)


@dataclass(frozen=True, slots=True)
class SilencesQuery:
    """The silences that are not over, or all."""

    include_expired: bool = False

    def read(self, reads: Reads) -> SilenceListDocument:
        now = reads.read(command_clock).now()
        silences = reads.read(read_silences, None if self.include_expired else now)
        return {"items": [silence_document(silence, now) for silence in silences]}
