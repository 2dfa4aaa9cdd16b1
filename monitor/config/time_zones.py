"""Time zones by name, from the system's list or the one installed with this program."""

import zoneinfo
from datetime import UTC, tzinfo


def find_time_zone(name: str) -> tzinfo:
    """The zone of that name; UTC for "". Raises ValueError for an unknown name."""
    if not name:
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"there is no time zone {name}") from error
