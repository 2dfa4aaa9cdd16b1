"""One channel that can be told something: what it answers, and how it is built from its address."""

from dataclasses import dataclass
from typing import Protocol

from monitor.errors import ConfigError
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


def build_sink(name: str, *, url: str = "", webhook: str = "", timeout_s: float = 10.0) -> Sink:
    """The sink of a channel with either an Apprise `url` or a `webhook` address. Loads and sends nothing yet."""
    if bool(url) == bool(webhook):
        raise ValueError("a channel has either url or webhook")
    # Imported here: a webhook user never pays for Apprise, nor the other way round.
    if webhook:
        from monitor.notify.webhook import WebhookSink

        return WebhookSink(name, webhook, timeout_s)
    from monitor.notify.apprise_sink import AppriseSink

    return AppriseSink(name, url, timeout_s)


def parse(name: str, *, url: str = "", webhook: str = "") -> str:
    """What kind of service the address is for, such as `Telegram`; sends nothing.

    Raises ConfigError when the address can't be understood; the address itself is never in the message.
    """
    try:
        if webhook:
            from monitor.notify.webhook import check_address

            check_address(webhook)
            return "webhook"
        from monitor.notify.apprise_plugins import plugin_of

        return str(plugin_of(url).service_name)
    except ValueError as error:
        raise ConfigError(str(error), where=f'channels "{name}"') from None
