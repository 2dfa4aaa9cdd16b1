"""Interest paid, current rates and projected cost."""

from dataclasses import dataclass
from datetime import timedelta

from monitor.app.documents.status import read_accounts
from monitor.app.parameters import check_time_parameter, time_parameter
from monitor.errors import ParameterInvalid
from monitor.store.readers.interest import read_interest, read_recorded_spans
from monitor.store.reads import Reads
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.interest import interest_document
from monitor.view.documents.types.interest import InterestDocument
from monitor.view.documents.types.values import GroupedBy

DEFAULT_INTEREST_SPAN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class InterestQuery:
    """Interest charged `since` (default 30 days ago). Raises ParameterInvalid.

    `max_sums`: more of them are refused when they are read.
    """

    by: GroupedBy = "asset"
    since: str | None = None
    max_sums: int | None = None

    def __post_init__(self) -> None:
        check_time_parameter("since", self.since)

    def read(self, reads: Reads) -> InterestDocument:
        now = reads.read(command_clock).now()
        since = time_parameter("since", self.since, now) if self.since else now - DEFAULT_INTEREST_SPAN
        totals = reads.read(read_interest, by=self.by, since=since, max_sums=self.max_sums)
        if self.max_sums is not None and len(totals) > self.max_sums:
            mend = "name a later moment" if self.by == "asset" else "name a later moment, or take by=asset"
            raise ParameterInvalid(
                "since", f"these are more than {self.max_sums} sums, which is all that an answer holds", mend=mend
            )
        accounts = read_accounts(reads).values()
        return interest_document(totals, accounts, since, now, self.by, reads.read(read_recorded_spans))
