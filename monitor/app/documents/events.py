"""Recorded stream events, and by type the entries of the exchange's histories."""

from dataclasses import dataclass

from monitor.app.parameters import check_time_parameter, count_parameter, time_parameter
from monitor.store.readers.events import read_events, read_movements
from monitor.store.reads import Reads
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.events import event_document
from monitor.view.documents.types.events import EventListDocument

DEFAULT_EVENT_LIMIT = 100
MOVEMENT_TYPES = ("capital-flow", "transfer", "liquidation", "order")
"""Types that no stream delivers and reads of the exchange's histories do."""


@dataclass(frozen=True, slots=True)
class EventsQuery:
    """The newest events, oldest first: 100 of them, or those received `since`, or `limit`.

    `type` is the exchange's own, "rejected", or a type of its histories. Raises ParameterInvalid.
    """

    type: str | None = None
    since: str | None = None
    limit: str | None = None

    def __post_init__(self) -> None:
        check_time_parameter("since", self.since)
        if self.limit:
            count_parameter("limit", self.limit)

    def read(self, reads: Reads) -> EventListDocument:
        since = time_parameter("since", self.since, reads.read(command_clock).now()) if self.since else None
        limit = None if since is not None else DEFAULT_EVENT_LIMIT
        if self.limit:
            limit = count_parameter("limit", self.limit)
        if self.type in MOVEMENT_TYPES:
            rows = reads.read(read_movements, kind=self.type, since=since, limit=limit)
        else:
            rows = reads.read(read_events, type=self.type, since=since, limit=limit)
        return {"items": [event_document(row) for row in rows]}
