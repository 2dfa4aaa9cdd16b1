"""The lowest id that a new alert or intent may get, by the time. No used id is ever given again."""

from datetime import UTC, datetime, timedelta

ID_EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
"""Start of the numbering: no id was given before. As late as possible, so that ids are short."""

ID_INTERVAL = timedelta(minutes=1)
"""Time for one id. Ids are used more slowly: from one start to the next, fewer than one in this time."""


def compute_id_floor(now: datetime) -> int:
    """Return the lowest id for a new alert or intent at `now`, whatever the database contains.

    A new, restored or outdated database lacks the ids that were given since, while messages and the exchange still have
    them. This minimum is above all of those ids without any read.
    """
    return max(1, (now - ID_EPOCH) // ID_INTERVAL)
