"""Absence of a record: the times between two daemons' runs, whose orders the database may have lost."""

from collections.abc import Iterable
from datetime import datetime, timedelta

TimeSpan = tuple[datetime, datetime]


def find_absences(since: datetime, runs: Iterable[TimeSpan]) -> tuple[TimeSpan, ...]:
    """Return the times after `since` in which no daemon of this record ran, up to the newest run, oldest first.

    A daemon may have run then whose database was replaced by an older one.
    """
    found, covered_until = [], since
    for began, ended in sorted(runs):
        if began > covered_until:
            found.append((covered_until, began))
        covered_until = max(covered_until, ended)
    return tuple(found)


def may_be_lost_order(sent: datetime, at: datetime, absences: Iterable[TimeSpan], settle: timedelta) -> bool:
    """Return whether a trace of that time may be of another order, equal to the one sent, that the database has lost.

    Orders of one kind, scope and asset follow each other: the other one left after this one had counted as failed,
    which takes `settle`. The exchange may have carried it out so long after the daemon that sent it had ended.
    """
    return at - sent >= settle and any(since <= at < until + settle for since, until in absences)
