"""Channels that people can answer: their sinks, and the loops that read the answers."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.app.telegram import describe_telegram
from monitor.config.model import Config
from monitor.config.replies.pushover_address import PushoverAddress
from monitor.config.reply_channels import ReplyChannel, TelegramAddress, resolve_reply_channel
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from monitor.notify.pushover.client import PushoverClient
    from monitor.notify.pushover.sink import PushoverSink
    from monitor.runtime.replies.receipt_loop import ReceiptLoop


def open_pushover_sink(config: Config, name: str, now: Callable[[], datetime]) -> "PushoverSink | None":
    """Return the sink of a Pushover channel that can be answered; None for any other channel. Raises ConfigError."""
    found = resolve_reply_channel(config, name)
    if found is None or not isinstance(found.address, PushoverAddress):
        return None
    from monitor.notify.pushover.sink import PushoverRecipient, PushoverSink

    address = found.address
    recipient = PushoverRecipient(
        address.user.reveal(),
        address.devices,
        address.sound,
        str(address.priority),
        address.interval_s,
        address.expire_s,
    )
    return PushoverSink(name, _pushover_client(config, name, found, address), recipient, now)


def open_receipt_loop(sink: "PushoverSink") -> "ReceiptLoop":
    """Return the loop that reads the receipts of the sink's messages."""
    from monitor.runtime.replies.receipt_loop import ReceiptLoop

    return ReceiptLoop(sink.name, sink.client, sink)


async def check_reply_channel(config: Config, name: str) -> str | None:
    """Ask the service of a channel that can be answered whether it accepts the channel's keys; send no message.

    Return what it is in words; None for a channel that can't be answered here. Raises ConfigError when the service
    refuses, or can't be reached.
    """
    found = resolve_reply_channel(config, name)
    if found is None:
        return None
    if isinstance(found.address, TelegramAddress):
        return await describe_telegram(name, found, found.address)
    from monitor.notify.pushover.client import PushoverFailure

    address = found.address
    client = _pushover_client(config, name, found, address)
    answer = await client.validate(address.user.reveal(), address.devices)
    await client.close()
    if isinstance(answer, PushoverFailure):
        mend = "look at the user key, the application token and the device in its address"
        raise ConfigError(f"Pushover said: {answer.answer}", where=f'channels "{name}"', mend=mend)
    return "Pushover; critical messages are emergencies, a press acknowledges"


def _pushover_client(config: Config, name: str, found: ReplyChannel, address: PushoverAddress) -> "PushoverClient":
    from monitor.notify.pushover.client import PUSHOVER_URL, PushoverClient
    from monitor.notify.secret_scrubber import SecretScrubber

    token, user = address.token.reveal(), address.user.reveal()
    timeout_s = config.channel(name).timeout.total_seconds()
    scrub = SecretScrubber(f"pover://{user}@{token}")
    return PushoverClient(token, scrub, timeout_s, found.settings.api_url or PUSHOVER_URL)
