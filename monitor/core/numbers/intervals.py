"""Time intervals in which everything is recorded, and the gaps between them.

Intervals never touch each other, and are ordered from the oldest to the newest.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

Interval = tuple[datetime, datetime]


def complete_since(intervals: Sequence[Interval], until: datetime) -> datetime | None:
    """Return the moment since which nothing is missing up to `until` or later.

    None when something is missing right before `until`.
    """
    return intervals[-1][0] if intervals and intervals[-1][1] >= until else None


def newest_gap(
    intervals: Iterable[Interval], earliest: datetime, latest: datetime, max_length: timedelta
) -> Interval | None:
    """Return the newest gap between `earliest` and `latest`, at most its last `max_length`; None without a gap."""
    end = latest
    for since, until in sorted(intervals, reverse=True):
        if since > end:
            continue
        if until < end:
            break
        end = since
    else:
        until = earliest
    if end <= earliest:
        return None
    return max(earliest, min(until, end), end - max_length), end
