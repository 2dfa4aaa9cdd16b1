"""Construction of a channel's sink from its address."""

from typing import TYPE_CHECKING

from monitor.errors import ConfigError
from monitor.notify.sinks import Sink

if TYPE_CHECKING:
    from monitor.view.messages.template import MessageTemplate


def build_sink(
    name: str, *, url: str = "", webhook: str = "", timeout_s: float = 10.0, template: "MessageTemplate | None" = None
) -> Sink:
    """Return the sink of a channel with either an Apprise `url` or a `webhook` address. Loads and sends nothing yet."""
    return with_template(_sink_without_template(name, url, webhook, timeout_s), template)


def with_template(sink: Sink, template: "MessageTemplate | None") -> Sink:
    """Return the sink, which renders its messages with the template, if there is one."""
    if template is None:
        return sink
    from monitor.notify.template_sink import TemplateSink

    return TemplateSink(sink, template)


def parse_service_name(name: str, *, url: str = "", webhook: str = "") -> str:
    """The name of the service that an address belongs to, such as `Telegram`; sends nothing.

    Raises ConfigError when the address can't be understood; the address itself is never in the message.
    """
    try:
        if webhook:
            from monitor.notify.webhook import check_address

            check_address(webhook)
            return "webhook"
        from monitor.notify.apprise_plugins import load_plugin

        return str(load_plugin(url).service_name)
    except ValueError as error:
        raise ConfigError(str(error), where=f'channels "{name}"') from None


def _sink_without_template(name: str, url: str, webhook: str, timeout_s: float) -> Sink:
    if bool(url) == bool(webhook):
        raise ValueError("a channel has either url or webhook")
    # Imported here: a webhook does not load Apprise, nor Apprise the webhook.
    if webhook:
        from monitor.notify.webhook import WebhookSink

        return WebhookSink(name, webhook, timeout_s)
    from monitor.notify.apprise_sink import AppriseSink

    return AppriseSink(name, url, timeout_s)
