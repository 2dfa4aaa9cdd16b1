"""One try to tell one channel something: bounded, without surprises, in plain words where others are not taken."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace

from monitor.core.model.alert import Reason
from monitor.core.notifications.throttling import Due
from monitor.notify.sinks import NotTold, SendResult
from monitor.runtime.messages.channel_queue import Channel
from monitor.runtime.messages.message_builder import Composer
from monitor.view.messages.message import Message

log = logging.getLogger(__name__)

SEND_WITHIN_S = 30.0
"""No sink is waited for longer, whatever it does about its own time-out, which is 20 s at most (machine seconds)."""

MOST_PICTURES = 3
"""Pictures that wait to follow their words on one channel; more are left out."""

PICTURE_TEXT = "The level and its bars in the hours before."


class Teller:
    """Sends messages, and the pictures that follow some of them."""

    def __init__(self, composer: Composer, start: Callable[[Coroutine[None, None, None], str], None]) -> None:
        """`start` lets something run beside."""
        self._composer = composer
        self._start = start
        self._plain: set[str] = set()
        self._without_pictures: set[str] = set()
        self._failed_pictures: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def tell(self, channel: Channel, compose: Callable[[], Message], bare: Message, *, plain: bool) -> SendResult:
        """The answer of the channel; never an exception. `bare` is said where the words can't be made.

        A message that is refused for what adorns it is said at once in plain words, and so are all that follow it.
        """
        try:
            message = compose()
        except Exception:
            log.exception("message.failed channel=%s title=%r", channel.name, bare.title)
            message = bare
        plain = plain or channel.name in self._plain
        result = await self._send(channel, replace(message, plain=True) if plain else message)
        if plain or not isinstance(result, NotTold) or not (result.is_refused and channel.sink.decorates):
            return result
        again = await self._send(channel, replace(message, plain=True))
        if not isinstance(again, NotTold):
            self._plain.add(channel.name)
            said = "channel.plain channel=%s why='it refused a message and took its plain words' answer=%r"
            log.warning(said, channel.name, result.answer)
        return again

    def follow(self, channel: Channel, due: Due, words: Message) -> None:
        """A picture is on its way after these words, where there is something to show and the channel takes it."""
        name = channel.name
        wanted = due.reason in (Reason.FIRED, Reason.ESCALATED) and due.alert.key.scope in ("cross", "isolated")
        if not wanted or not channel.sink.takes_pictures or name in self._without_pictures:
            return
        if self._waiting.get(name, 0) >= MOST_PICTURES:
            log.warning("picture.left_out alert=%d cause='others are on their way'", due.alert.id)
            return
        self._waiting[name] = self._waiting.get(name, 0) + 1
        self._start(self._follow(channel, due, words), f"picture {name}")

    async def _follow(self, channel: Channel, due: Due, words: Message) -> None:
        name = channel.name
        try:
            async with self._turns.setdefault(name, asyncio.Lock()), self._composer.picture(due.alert) as picture:
                if picture is None or name in self._without_pictures:
                    return
                message = replace(words, text=PICTURE_TEXT, picture=picture, plain=True)
                self._judge_picture(name, due, await self._send(channel, message))
        except Exception:
            log.exception("picture.left_out alert=%d", due.alert.id)
        finally:
            self._waiting[name] -= 1

    def _judge_picture(self, name: str, due: Due, result: SendResult) -> None:
        """The words were told: a picture that was not is no failure of the channel."""
        if not isinstance(result, NotTold):
            self._failed_pictures.pop(name, None)
            return
        log.warning("picture.refused channel=%s alert=%d answer=%r", name, due.alert.id, result.answer)
        self._failed_pictures[name] = self._failed_pictures.get(name, 0) + 1
        if result.is_refused or self._failed_pictures[name] > 1:
            self._without_pictures.add(name)
            log.warning("channel.without_pictures channel=%s until='the next start or reload'", name)

    async def _send(self, channel: Channel, message: Message) -> SendResult:
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                return await channel.sink.send(message)
        except TimeoutError:
            return NotTold(f"it hangs: no answer within {SEND_WITHIN_S:g} s")
        except Exception as error:
            log.exception("channel.broken channel=%s", channel.name)
            return NotTold(f"sending failed here: {type(error).__name__}")
