"""Times of day in a time zone, also on the two days a year when its clock jumps."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

_MINUTE = timedelta(minutes=1)


def first_moment_at(day: date, minutes: int, zone: tzinfo) -> datetime:
    """Return the first moment at which the local clock of `zone` shows that time of that day, or a later one."""
    wanted = datetime.combine(day, time()) + minutes * _MINUTE
    # An hour that comes twice: its first occurrence. A time inside a skipped hour: start before it, and advance until
    # the local clock has jumped past it.
    moment = min(wanted.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while moment.astimezone(zone).replace(tzinfo=None) < wanted:
        moment += _MINUTE
    return moment


def parse_minutes_of_day(text: str) -> int | None:
    """Return the minutes after midnight of a text such as `08:00`, `24:00` included; None for anything else."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        return None
    total = int(hours) * 60 + int(minutes)
    return total if int(minutes) < 60 and total <= 24 * 60 else None
