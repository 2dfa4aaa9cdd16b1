"""Delivery statistics of one channel."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """Statistics of one channel in a span of time. `answer` is the provider's answer to the last failed attempt.

    `given_up` names the deliveries that were given up; `waiting` counts those queued now, whenever they were created.
    """

    channel: str
    sent: int
    failed: int
    waiting: int
    answer: str | None
    given_up: tuple[str, ...]
