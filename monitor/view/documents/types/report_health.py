"""Types of the health part of a report."""

from typing import TypedDict

from monitor.view.documents.types.values import Count, DecimalText, TimeText


class TimeRangeDocument(TypedDict):
    """A part of the span."""

    since: TimeText
    until: TimeText


class DisconnectionDocument(TimeRangeDocument):
    """A time without a stream of an account."""

    account: str


class FailedReadsDocument(TypedDict):
    """Failed reads of one kind: their number, time and cause of the last one."""

    account: str
    read: str
    count: Count
    last_at: TimeText
    cause: str


class ChannelHealthDocument(TypedDict):
    """The deliveries of one channel; `answer` to the last failed attempt, `given_up`: what was never sent."""

    channel: str
    sent: Count
    failed: Count
    waiting: Count
    answer: str | None
    given_up: list[str]


class ClockOffsetDocument(TypedDict):
    """The largest offset of the clock."""

    account: str
    offset_s: DecimalText | None
    at: TimeText | None


class WeightUsedDocument(TypedDict):
    """The largest share of the request limit that was used."""

    account: str
    used: DecimalText | None
    at: TimeText | None


class HealthDocument(TypedDict):
    """Downtime, failed reads, channels, clock, request weight."""

    watched_since: TimeText | None
    starts: Count
    down: list[TimeRangeDocument]
    disconnected: list[DisconnectionDocument]
    failed_reads: list[FailedReadsDocument]
    rejected_events: Count
    channels: list[ChannelHealthDocument]
    clock: list[ClockOffsetDocument]
    weight: list[WeightUsedDocument]
    banned_until: TimeText | None
