"""One channel that can be told something, and what it answers."""

from dataclasses import dataclass
from typing import Protocol

from monitor.view.messages import Message


@dataclass(frozen=True, slots=True)
class Told:
    """The provider took the message. `answer` is in its words."""

    answer: str


@dataclass(frozen=True, slots=True)
class NotTold:
    """The provider did not take the message, as far as is known. `answer` is in its words, without secrets.

    `retry_after_s` is how long the provider asked to wait, in seconds of the machine. `final`: the message itself was
    refused and would be again.
    """

    answer: str
    retry_after_s: float | None = None
    final: bool = False


SendResult = Told | NotTold


class Sink(Protocol):
    """One channel's way out."""

    @property
    def name(self) -> str: ...

    @property
    def takes_pictures(self) -> bool:
        """Whether the service takes attachments, as far as is known: it is known once warmed."""
        ...

    async def warm(self) -> None:
        """Load what the first message needs, so that it does not wait for it. Sends nothing."""
        ...

    async def send(self, message: Message) -> SendResult:
        """Tell it once, within the time-out. A provider's failure is an answer, never an exception."""
        ...

    async def close(self) -> None: ...
