"""Types of single values in JSON documents, with the notation of each."""

from typing import Annotated, Literal

from msgspec import Meta

DecimalText = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9]+(\.[0-9]+)?$",
        description="A decimal number without exponent.",
        examples=["1.4285"],
    ),
]
"""A number as text, exact to its last digit."""

TimeText = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        description="A moment in UTC (RFC 3339, with milliseconds).",
        examples=["2025-10-10T21:15:00.000Z"],
        extra_json_schema={"format": "date-time"},
    ),
]

DayText = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="A day (UTC).",
        examples=["2025-10-10"],
        extra_json_schema={"format": "date"},
    ),
]

Seconds = Annotated[float, Meta(description="Seconds, to the millisecond.")]
"""A duration; an offset of a clock may be negative."""

AgeSeconds = Annotated[float, Meta(ge=0, description="Age in seconds, to the millisecond.")]

Count = Annotated[int, Meta(ge=0)]

Number = Annotated[int, Meta(ge=1)]
"""The number by which people name an alert, an intent, a silence or a drill."""

AccountStatus = Literal["ok", "stale", "unknown", "key_refused"]
SilenceState = Literal["pending", "active", "expired"]
GroupedBy = Literal["day", "asset"]

MAX_ITEMS = 1_000
"""Alerts, intents or events in one answer of the API at most: the daemon holds no endless list in memory."""

MAX_SAMPLES = 100_000
"""Samples in one answer of the API at most."""

MAX_SUMS = 10_000
"""Sums of interest in one answer of the API at most."""
