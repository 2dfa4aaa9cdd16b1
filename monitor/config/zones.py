"""Time zones by their names, from the system's own list or the one that is installed with this program."""

import zoneinfo
from datetime import UTC, tzinfo


def zone_of(name: str) -> tzinfo:
    """The zone of that name; UTC for "". Raises ValueError when there is none."""
    if not name:
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"there is no time zone {name}") from error
