"""Recorded samples of one metric."""

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.app.parameters import check_time_parameter, time_parameter
from monitor.config.model import Config
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS
from monitor.errors import ParameterInvalid, suggest_nearest
from monitor.records.history import HistoryRow, Resolution
from monitor.store.readers.history import count_samples, read_history
from monitor.store.reads import Reads
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.history import history_list_document
from monitor.view.documents.types.history import HistoryListDocument

DEFAULT_HISTORY_SPAN = timedelta(hours=24)

_RAW_UP_TO = timedelta(hours=6)
_MINUTES_UP_TO = timedelta(days=7)
_STEPS = {"1m": timedelta(minutes=1), "1h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class MetricHistory:
    """The series of a query that hold samples, and the time that they cover."""

    since: datetime
    until: datetime
    series: tuple[HistoryRow, ...]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The samples of `metric` `since` (default 24 hours ago), of the subjects that match. Raises ParameterInvalid.

    `max_samples`: more of them are refused when they are read.
    """

    config: Config
    metric: str
    account: str | None = None
    scope: MetricScope | None = None
    symbol: str | None = None
    asset: str | None = None
    since: str | None = None
    max_samples: int | None = None

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            mend = suggest_nearest(self.metric, METRICS)
            raise ParameterInvalid("metric", f'unknown metric "{self.metric}"', where="", mend=mend)
        if self.symbol and self.asset:
            raise ParameterInvalid("symbol", "--symbol and --asset exclude each other", where="")
        accounts = [account.name for account in self.config.accounts]
        if self.account and self.account not in accounts:
            mend = suggest_nearest(self.account, accounts)
            raise ParameterInvalid("account", f'there is no account "{self.account}"', where="", mend=mend)
        check_time_parameter("since", self.since)

    def read(self, reads: Reads) -> HistoryListDocument:
        return history_list_document(self.read_series(reads).series)

    def read_series(self, reads: Reads) -> MetricHistory:
        """The rows behind the document."""
        now = reads.read(command_clock).now()
        since = time_parameter("since", self.since, now) if self.since else now - DEFAULT_HISTORY_SPAN
        resolution = _resolution(now - since)
        scope: MetricScope | None = "isolated" if self.symbol else "asset" if self.asset else self.scope
        subject = self.symbol or self.asset
        if self.max_samples is not None:
            count, samples = reads.read(
                count_samples, self.metric, account=self.account, scope=scope, subject=subject, since=since
            )
            self._refuse_too_many(min(samples, count * _samples_at_most(now - since, resolution)))
        series = reads.read(
            read_history,
            self.metric,
            account=self.account,
            scope=scope,
            subject=subject,
            since=since,
            resolution=resolution,
        )
        return MetricHistory(since, now, tuple(row for row in series if row.points))

    def _refuse_too_many(self, samples: int) -> None:
        if self.max_samples is not None and samples > self.max_samples:
            raise ParameterInvalid(
                "since",
                f"these are up to {samples} samples, and an answer holds {self.max_samples}",
                mend="name an account, a scope, a symbol or an asset, or a later moment",
            )


def _samples_at_most(span: timedelta, resolution: Resolution) -> int:
    """The number of samples that one series can have."""
    return sys.maxsize if resolution == "raw" else span // _STEPS[resolution] + 2


def _resolution(span: timedelta) -> Resolution:
    """The finest resolution that a person can read."""
    return "raw" if span <= _RAW_UP_TO else "1m" if span <= _MINUTES_UP_TO else "1h"
