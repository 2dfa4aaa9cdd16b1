"""The sending end of a channel and its result."""

from dataclasses import dataclass
from typing import Protocol

from monitor.core.notifications.channel_messages import MessageReference
from monitor.view.messages.message import Message


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider took the message. `answer` is the provider's text.

    `message` is its reference of the message, where the message can be answered or edited by it.
    """

    answer: str
    message: MessageReference | None = None


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """The provider did not take the message, as far as is known. `answer` is its text without secrets.

    `retry_after_s` is how long the provider asked to wait, in seconds of the machine. `is_refused`: the provider
    refused the message itself. `final`: the same message would be refused again.
    """

    answer: str
    retry_after_s: float | None = None
    final: bool = False
    is_refused: bool = False


SendResult = Delivered | NotDelivered


class Sink(Protocol):
    """The sending end of one channel."""

    @property
    def name(self) -> str: ...

    @property
    def accepts_images(self) -> bool:
        """Return whether the service takes attachments, as far as is known; known after `warm_up`."""
        ...

    @property
    def is_formatted(self) -> bool:
        """Return whether messages leave with more than plain text: a template's text, or markup."""
        ...

    async def warm_up(self) -> None:
        """Load what the first message needs, so that it does not wait for it. Sends nothing."""
        ...

    async def send(self, message: Message) -> SendResult:
        """Send the message once, within the time-out. A provider's failure is a result, never an exception."""
        ...

    async def close(self) -> None: ...
