"""One channel that can be told something, and what it answers."""

from dataclasses import dataclass
from typing import Protocol

from monitor.view.messages.message import Message


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider took the message. `answer` is in its words."""

    answer: str


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """The provider did not take the message, as far as is known. `answer` is in its words, without secrets.

    `retry_after_s` is how long the provider asked to wait, in seconds of the machine. `is_refused`: it is the message
    itself that was refused, as the provider says. `final`: the same message would be refused again.
    """

    answer: str
    retry_after_s: float | None = None
    final: bool = False
    is_refused: bool = False


SendResult = Delivered | NotDelivered


class Sink(Protocol):
    """One channel's way out."""

    @property
    def name(self) -> str: ...

    @property
    def accepts_images(self) -> bool:
        """Whether the service takes attachments, as far as is known: it is known once warmed."""
        ...

    @property
    def is_formatted(self) -> bool:
        """Whether a message leaves with more than its plain words: a template's, or markup."""
        ...

    async def warm_up(self) -> None:
        """Load what the first message needs, so that it does not wait for it. Sends nothing."""
        ...

    async def send(self, message: Message) -> SendResult:
        """Tell it once, within the time-out. A provider's failure is an answer, never an exception."""
        ...

    async def close(self) -> None: ...
