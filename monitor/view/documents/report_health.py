"""The health part of a report: downtime, failed reads, channels, clock, request weight."""

from collections.abc import Sequence

from monitor.core.engine.history_summary import TimeRange, largest_magnitude
from monitor.records.report import ReportRows
from monitor.view.documents.report_scopes import SeriesIndex
from monitor.view.json_values import Document, json_decimal, json_time


def health_document(
    rows: ReportRows, book: SeriesIndex, accounts: Sequence[str], down: Sequence[TimeRange], span: TimeRange
) -> Document:
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
        "clock": [_largest(name, "clock_offset", "offset_s", book) for name in accounts],
        "weight": [_largest(name, "weight_used", "used", book) for name in accounts],
        "banned_until": json_time(banned) if banned is not None and banned > span.since else None,
    }


def _largest(account: str, metric: str, key: str, book: SeriesIndex) -> Document:
    """The largest recorded value; null where none was recorded."""
    worst = largest_magnitude(book.known_values(account, "monitor", "", metric))
    value = None if worst is None else worst.value
    return {"account": account, key: json_decimal(value), "at": None if worst is None else json_time(worst.at)}


def _time_range(stretch: TimeRange) -> Document:
    return {"since": json_time(stretch.since), "until": json_time(stretch.until)}
