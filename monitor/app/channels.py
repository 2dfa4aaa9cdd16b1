"""Sinks of the configured channels."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.app.replies import open_pushover_sink, open_receipt_loop
from monitor.app.telegram import BotRegistry, open_telegram_sink
from monitor.clock import SystemClock
from monitor.config.credentials import resolve_channel
from monitor.config.model import Config
from monitor.config.templates import read_template
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from monitor.notify.sinks import Sink
    from monitor.runtime.replies.reply_service import ReplyLoop
    from monitor.view.messages.template import MessageTemplate


def open_channel(
    config: Config, name: str, now: Callable[[], datetime], bots: BotRegistry
) -> "tuple[Sink, ReplyLoop | None]":
    """Return the sink of one channel, and the loop that reads its answers, if it has one of its own.

    The loop of a bot of Telegram serves all of its channels. Raises ConfigError for an impossible address.
    """
    from monitor.notify.factory import with_template

    telegram = open_telegram_sink(config, name, bots)
    if telegram is not None:
        return with_template(telegram, _read_message_template(config, name)), None
    pushover = open_pushover_sink(config, name, now)
    if pushover is None:
        return open_sink(config, name), None
    return with_template(pushover, _read_message_template(config, name)), open_receipt_loop(pushover)


def open_sink(config: Config, name: str) -> "Sink":
    """Return the sink of one channel. Raises ConfigError for an impossible address."""
    from monitor.notify.factory import build_sink, with_template

    channel, address = config.channel(name), resolve_channel(config, name)
    template = _read_message_template(config, name)
    answered = open_telegram_sink(config, name) or open_pushover_sink(config, name, SystemClock().now)
    if answered is not None:
        return with_template(answered, template)
    return build_sink(
        name,
        url="" if address.url is None else address.url.reveal(),
        webhook="" if address.webhook is None else address.webhook.reveal(),
        timeout_s=channel.timeout.total_seconds(),
        template=template,
    )


def describe_channel(config: Config, name: str) -> str:
    """Return the kind of channel in words, without sending anything. Raises ConfigError."""
    from monitor.notify.factory import parse_service_name

    address = resolve_channel(config, name)
    _read_message_template(config, name)
    open_telegram_sink(config, name)
    return parse_service_name(
        name,
        url="" if address.url is None else address.url.reveal(),
        webhook="" if address.webhook is None else address.webhook.reveal(),
    )


def _read_message_template(config: Config, name: str) -> "MessageTemplate | None":
    """Return the channel's own message template; None where it uses the default. Raises ConfigError."""
    found = read_template(config, name)
    if found is None:
        return None
    from monitor.view.messages.template import InvalidTemplate, MessageTemplate

    try:
        return MessageTemplate(*found)
    except InvalidTemplate as error:
        where = f'channels "{name}".template'
        mend = "its words are the fields of a webhook's message; see docs/reference/configuration.md"
        raise ConfigError(f"{found[0]}: {error}", where=where, mend=mend) from error
