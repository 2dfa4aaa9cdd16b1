"""The exchange's notice of the cross level, read from a stored account document."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from monitor.core.model.stream_payloads import ReportedLevel
from monitor.core.numbers.durations import parse_since


def read_level_notice(live_document: str | None, now: datetime) -> ReportedLevel | None:
    """The notice of a stored account document; None where it has none, or one with a future time.

    A document of an older program, or one that can't be parsed, has none.
    """
    try:
        document = json.loads(live_document or "{}")
        cross = document.get("cross") if isinstance(document, Mapping) else None
        said = cross.get("notice") if isinstance(cross, Mapping) else None
        if not isinstance(said, Mapping):
            return None
        notice = ReportedLevel(Decimal(said["level"]), str(said["status"]), parse_since(said["at"], now))
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
        return None
    return notice if notice.level > 0 and notice.at <= now else None
