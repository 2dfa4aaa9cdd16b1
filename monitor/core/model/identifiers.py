"""The least number that an alert or an intent may have, by the time: none that was ever used is given again."""

from datetime import UTC, datetime, timedelta

ID_EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
"""Before this there was nothing to number. As late as can be, so that numbers are short."""

ID_INTERVAL = timedelta(minutes=1)
"""Time goes on faster than numbers are used: fewer than one in this time, from one start to the next."""


def min_id(now: datetime) -> int:
    """What numbering begins with at `now`, whatever the database remembers.

    A database that is new, restored or behind knows nothing of the numbers that were given since, and messages and the
    exchange do. The floor is above all of them without asking anybody.
    """
    return max(1, (now - ID_EPOCH) // ID_INTERVAL)
