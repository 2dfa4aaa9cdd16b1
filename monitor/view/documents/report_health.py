"""The health part of a report: downtime, failed reads, channels, clock, request weight."""

from collections.abc import Sequence

from monitor.core.engine.history_summary import TimeRange, largest_magnitude
from monitor.records.report import ReportRows
from monitor.view.documents.report_scopes import SeriesIndex
from monitor.view.documents.types.report_health import (
    ClockOffsetDocument,
    HealthDocument,
    TimeRangeDocument,
    WeightUsedDocument,
)
from monitor.view.json_values import json_decimal, json_time


def health_document(
    rows: ReportRows, book: SeriesIndex, accounts: Sequence[str], down: Sequence[TimeRange], span: TimeRange
) -> HealthDocument:
    """The health document. `watched_since`: the earliest recorded daemon. `starts`: how often one was started in the
    span."""
    banned = rows.banned_until
    return {
        "watched_since": json_time(rows.first_run),
        "starts": sum(span.since <= since <= span.until for since, _ in rows.runs),
        "down": [_time_range(stretch) for stretch in down],
        "disconnected": [
            {"account": name, **_time_range(stretch)}
            for name in accounts
            for stretch in book.times_where(name, "monitor", "", "stream_connected", lambda value: value == 0)
        ],
        "failed_reads": [
            {
                "account": failure.account,
                "read": failure.read,
                "count": failure.count,
                "last_at": json_time(failure.last_at),
                "cause": failure.cause,
            }
            for failure in rows.failures
        ],
        "rejected_events": rows.rejected,
        "channels": [
            {
                "channel": channel.channel,
                "sent": channel.sent,
                "failed": channel.failed,
                "waiting": channel.waiting,
                "answer": channel.answer,
                "given_up": list(channel.given_up),
            }
            for channel in rows.channels
        ],
        "clock": [_clock_offset(name, book) for name in accounts],
        "weight": [_weight_used(name, book) for name in accounts],
        "banned_until": json_time(banned) if banned is not None and banned > span.since else None,
    }


def _clock_offset(account: str, book: SeriesIndex) -> ClockOffsetDocument:
    worst = largest_magnitude(book.known_values(account, "monitor", "", "clock_offset"))
    if worst is None:
        return {"account": account, "offset_s": None, "at": None}
    return {"account": account, "offset_s": json_decimal(worst.value), "at": json_time(worst.at)}


def _weight_used(account: str, book: SeriesIndex) -> WeightUsedDocument:
    worst = largest_magnitude(book.known_values(account, "monitor", "", "weight_used"))
    if worst is None:
        return {"account": account, "used": None, "at": None}
    return {"account": account, "used": json_decimal(worst.value), "at": json_time(worst.at)}


def _time_range(stretch: TimeRange) -> TimeRangeDocument:
    return {"since": json_time(stretch.since), "until": json_time(stretch.until)}
