"""Whole histories, row by row."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.app.parameters import check_time_parameter, time_parameter
from monitor.errors import ParameterInvalid
from monitor.store.command_store import ReadStore
from monitor.store.readers import exports as readers
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents import exports as rows
from monitor.view.documents.types import exports as types


@dataclass(frozen=True, slots=True)
class HistoryExport:
    """One history that can be exported: the type of its rows, how it is read, and the row of what is read."""

    row_type: type[Any]
    stream: Callable[..., Iterator[Any]]
    as_row: Callable[[Any], Mapping[str, Any]]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.row_type.__annotations__)


EXPORTS: Mapping[str, HistoryExport] = {
    "interest": HistoryExport(
        types.InterestExportRow,
        readers.stream_charges,
        lambda found: rows.interest_export_row(found.account, found.charge),
    ),
    "actions": HistoryExport(types.ActionExportRow, readers.stream_intents, rows.action_export_row),
    "movements": HistoryExport(types.MovementExportRow, readers.stream_movements, rows.movement_export_row),
    "alerts": HistoryExport(types.AlertExportRow, readers.stream_alerts, rows.alert_export_row),
    "samples": HistoryExport(types.SampleExportRow, readers.stream_samples, rows.sample_export_row),
}


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """The rows of one history from `since` (default: its beginning) to before `until`. Raises ParameterInvalid."""

    history: str
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        check_time_parameter("since", self.since)
        check_time_parameter("until", self.until)

    @property
    def columns(self) -> tuple[str, ...]:
        return EXPORTS[self.history].columns

    def stream(self, store: ReadStore) -> Iterator[Mapping[str, Any]]:
        """The rows as one state of the database has them. Raises StoreError."""
        now = store.read(command_clock).now()
        since = time_parameter("since", self.since, now) if self.since else None
        until = time_parameter("until", self.until, now) if self.until else None
        if since is not None and until is not None and until <= since:
            raise ParameterInvalid("until", "it is not after --since", mend="give a later moment")
        export = EXPORTS[self.history]
        return map(export.as_row, store.stream(export.stream, since, until))
