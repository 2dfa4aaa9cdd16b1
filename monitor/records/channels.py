"""Delivery statistics of one channel."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel in a span of time. `answer` is what it said to the last failed try.

    `given_up` names what it never got; `waiting` counts what waits now, whenever it was queued.
    """

    channel: str
    sent: int
    failed: int
    waiting: int
    answer: str | None
    given_up: tuple[str, ...]
