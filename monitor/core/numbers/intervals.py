"""Spans of time in which everything is recorded, and what is missing between them. Spans never meet; oldest first."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]


def complete_since(spans: Sequence[Span], until: datetime) -> datetime | None:
    """From when on nothing is missing up to `until` or later; None: something is missing right before `until`."""
    return spans[-1][0] if spans and spans[-1][1] >= until else None


def newest_gap(spans: Iterable[Span], earliest: datetime, latest: datetime, longest: timedelta) -> Span | None:
    """The newest missing span between `earliest` and `latest`, at most its last `longest`; None: nothing is missing."""
    end = latest
    for since, until in sorted(spans, reverse=True):
        if since > end:
            continue
        if until < end:
            break
        end = since
    else:
        until = earliest
    if end <= earliest:
        return None
    return max(earliest, min(until, end), end - longest), end
