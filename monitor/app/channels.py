"""Sinks of the configured channels."""

from typing import TYPE_CHECKING

from monitor.config.credentials import resolve_channel
from monitor.config.model import Config
from monitor.config.templates import read_template
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from monitor.notify.sinks import Sink
    from monitor.view.messages.template import MessageTemplate


def open_sink(config: Config, name: str) -> "Sink":
    """Return the sink of one channel. Raises ConfigError for an impossible address."""
    from monitor.notify.factory import build_sink

    channel, address = config.channel(name), resolve_channel(config, name)
    return build_sink(
        name,
        url="" if address.url is None else address.url.reveal(),
        webhook="" if address.webhook is None else address.webhook.reveal(),
        timeout_s=channel.timeout.total_seconds(),
        template=_read_message_template(config, name),
    )


def describe_channel(config: Config, name: str) -> str:
    """Return the kind of channel in words, without sending anything. Raises ConfigError."""
    from monitor.notify.factory import parse_service_name

    address = resolve_channel(config, name)
    _read_message_template(config, name)
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
