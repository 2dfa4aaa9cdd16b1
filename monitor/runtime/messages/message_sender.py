"""One attempt to send one message to one channel: bounded in time, and in plain text where needed."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace

from monitor.core.model.alert import NotificationReason
from monitor.core.notifications.throttling import DueAlert
from monitor.notify.sinks import NotDelivered, SendResult
from monitor.runtime.messages.channel_queue import Channel
from monitor.runtime.messages.message_builder import MessageBuilder
from monitor.view.messages.message import Message

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 30.0
"""Machine seconds at most for one sink, whatever its own time-out, which is 20 s at most."""

MAX_CHARTS = 3
"""Charts that may wait to follow their messages on one channel; more are left out."""

CHART_TEXT = "The level and its bars in the hours before."


class MessageSender:
    """The sending of messages, and of the charts that follow some of them."""

    def __init__(
        self, message_builder: MessageBuilder, start: Callable[[Coroutine[None, None, None], str], object]
    ) -> None:
        """`start` runs a coroutine in the background."""
        self._message_builder = message_builder
        self._start = start
        self._plain_channels: set[str] = set()
        self._without_charts: set[str] = set()
        self._failed_charts: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def send(self, channel: Channel, build: Callable[[], Message], bare: Message, *, plain: bool) -> SendResult:
        """Return the channel's answer; never raise. `bare` is sent where `build` fails.

        A message that is refused for its formatting is sent again at once in plain text, and so are all later ones.
        """
        try:
            message = build()
        except Exception:
            log.exception("message.failed channel=%s title=%r", channel.name, bare.title)
            message = bare
        plain = plain or channel.name in self._plain_channels
        result = await self._send_bounded(channel, replace(message, plain=True) if plain else message)
        if plain or not isinstance(result, NotDelivered) or not (result.is_refused and channel.sink.is_formatted):
            return result
        again = await self._send_bounded(channel, replace(message, plain=True))
        if not isinstance(again, NotDelivered):
            self._plain_channels.add(channel.name)
            said = "channel.plain channel=%s why='it refused a message and took its plain words' answer=%r"
            log.warning(said, channel.name, result.answer)
        return again

    def send_chart_later(self, channel: Channel, due: DueAlert, words: Message) -> None:
        """Send a chart after the message, where there is something to show and the channel takes images."""
        name = channel.name
        wanted = due.reason in (NotificationReason.FIRED, NotificationReason.ESCALATED) and due.alert.key.scope in (
            "cross",
            "isolated",
        )
        if not wanted or not channel.sink.accepts_images or name in self._without_charts:
            return
        if self._waiting.get(name, 0) >= MAX_CHARTS:
            log.warning("picture.left_out alert=%d cause='others are on their way'", due.alert.id)
            return
        self._waiting[name] = self._waiting.get(name, 0) + 1
        self._start(self._send_chart(channel, due, words), f"picture {name}")

    async def _send_chart(self, channel: Channel, due: DueAlert, words: Message) -> None:
        name = channel.name
        try:
            async with (
                self._turns.setdefault(name, asyncio.Lock()),
                self._message_builder.draw_chart(due.alert) as picture,
            ):
                if picture is None or name in self._without_charts:
                    return
                message = replace(words, text=CHART_TEXT, image=picture, plain=True)
                self._note_chart_result(name, due, await self._send_bounded(channel, message))
        except Exception:
            log.exception("picture.left_out alert=%d", due.alert.id)
        finally:
            self._waiting[name] -= 1

    def _note_chart_result(self, name: str, due: DueAlert, result: SendResult) -> None:
        """Note the result of a chart; the message was delivered, so a failure here is no failure of the channel."""
        if not isinstance(result, NotDelivered):
            self._failed_charts.pop(name, None)
            return
        log.warning("picture.refused channel=%s alert=%d answer=%r", name, due.alert.id, result.answer)
        self._failed_charts[name] = self._failed_charts.get(name, 0) + 1
        if result.is_refused or self._failed_charts[name] > 1:
            self._without_charts.add(name)
            log.warning("channel.without_pictures channel=%s until='the next start or reload'", name)

    async def _send_bounded(self, channel: Channel, message: Message) -> SendResult:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                return await channel.sink.send(message)
        except TimeoutError:
            return NotDelivered(f"it hangs: no answer within {SEND_TIMEOUT_S:g} s")
        except Exception as error:
            log.exception("channel.broken channel=%s", channel.name)
            return NotDelivered(f"sending failed here: {type(error).__name__}")
