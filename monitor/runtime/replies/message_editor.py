"""Edits of messages, so that they show the truth: what is to be shown is compared with what the store says is shown.

Nothing is queued: an edit that a crash or a failure prevented is due until it is recorded.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from monitor.core.notifications.channel_messages import ChannelMessage
from monitor.errors import MonitorError
from monitor.notify.telegram.bot import BotRequestFailed, TelegramBot
from monitor.notify.telegram.message_text import with_state
from monitor.records.message_truth import MessageTruth
from monitor.runtime.replies.rejected_messages import RejectedMessages
from monitor.runtime.replies.reply_service import ReplyContext
from monitor.store.readers.message_truth import read_message_truth
from monitor.store.writes.replies import channel_messages
from monitor.view.messages.buttons import ButtonRows, alert_buttons, intent_buttons
from monitor.view.messages.message_state import alert_lines, intent_lines, is_final

log = logging.getLogger(__name__)

CHECK_EVERY_S = 2.0
"""Machine seconds at most between two comparisons, woken or not."""

EDIT_PAUSE_S = 1.0
GROUP_EDIT_PAUSE_S = 3.0
"""Machine seconds between two edits in one chat: the service takes about one message a second there, and twenty a
minute in a group. Alerts need that room too."""

MIN_RETRY_S, MAX_RETRY_S = 2.0, 60.0


@dataclass(frozen=True, slots=True)
class MessageEdit:
    """One message as it should be shown.

    `is_changed`: it shows something else now. `is_last`: nothing of its subjects will change any more.
    """

    channel: str
    reference: str
    html: str
    buttons: ButtonRows
    shown: str
    is_changed: bool
    is_last: bool


class MessageEditor:
    """The edits of one bot's messages, by channel; `allowed`: what may be done from each channel."""

    def __init__(self, bot: TelegramBot, allowed: Mapping[str, frozenset[str]], context: ReplyContext) -> None:
        self._bot = bot
        self._allowed = allowed
        self._context = context
        self._next_edit_at: dict[str, float] = {}
        self._retry_s = MIN_RETRY_S
        self._last_error = ""
        self._rejected = RejectedMessages("their messages are no longer edited")

    async def run(self, woken: asyncio.Event) -> None:
        """Edit what has changed whenever `woken`, and every other second, until cancelled."""
        while True:
            woken.clear()
            pause_s = CHECK_EVERY_S
            try:
                due = await self._find_due()
                pause_s = await self._edit(due) if due else CHECK_EVERY_S
                self._last_error = ""
            except MonitorError as error:
                if str(error) != self._last_error:
                    log.warning("messages.not_compared cause=%s", error)
                    await self._context.report_fault("warning", "messages can't be compared with the truth", error)
                self._last_error = str(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await woken.wait()

    async def _find_due(self) -> Sequence[MessageEdit]:
        now = self._context.clock.now()
        truth = await self._context.store.read(read_message_truth, tuple(self._allowed), now)
        odd = {m.reference: m.id for m in truth.messages if not m.reference.rpartition("/")[2].isdecimal()}
        await self._rejected.report(
            (*truth.rejected, *(f"{number} (reference)" for number in odd.values())), self._context
        )
        messages = tuple(message for message in truth.messages if message.reference not in odd)
        return find_edits(replace(truth, messages=messages), self._allowed)

    async def _edit(self, due: Sequence[MessageEdit]) -> float:
        """Make the edits whose chats may be written to now; return the machine seconds until the next one may."""
        for edit in due:
            chat, _, number = edit.reference.rpartition("/")
            if not edit.is_changed:
                await self._save(edit)
                continue
            if self._next_edit_at.get(chat, 0.0) > time.monotonic():
                continue
            try:
                await self._bot.edit(chat, int(number), edit.html, edit.buttons)
            except BotRequestFailed as error:
                if error.kind not in ("unchanged", "gone", "request", "forbidden"):
                    # The service's own time, or a failure of the network: for all chats, so that alerts have room.
                    wait_s = max(self._retry_s, error.retry_after_s or 0.0)
                    self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)
                    log.warning("message.not_edited message=%s in_s=%g cause=%r", edit.reference, wait_s, error.answer)
                    return wait_s
                if error.kind != "unchanged":
                    log.warning("message.not_edited message=%s cause=%r", edit.reference, error.answer)
                    edit = replace(edit, is_last=True)
            self._retry_s = MIN_RETRY_S
            self._next_edit_at[chat] = time.monotonic() + (GROUP_EDIT_PAUSE_S if is_group(chat) else EDIT_PAUSE_S)
            await self._save(edit)
        now = time.monotonic()
        waits = (at - now for at in self._next_edit_at.values())
        return min((wait for wait in waits if wait > 0), default=CHECK_EVERY_S)

    async def _save(self, edit: MessageEdit) -> None:
        closed_at = self._context.clock.now() if edit.is_last else None
        saving = (edit.channel, edit.reference, edit.shown, closed_at)
        await self._context.store.execute(channel_messages.save_shown, *saving)


def find_edits(truth: MessageTruth, allowed: Mapping[str, frozenset[str]]) -> Sequence[MessageEdit]:
    """Return the messages that show something else than the truth, the newest first."""
    groups: dict[tuple[str, str], list[ChannelMessage]] = {}
    for message in truth.messages:
        groups.setdefault((message.channel, message.reference), []).append(message)
    edits = (_build(rows, truth, allowed[channel]) for (channel, _), rows in groups.items() if channel in allowed)
    return [edit for edit in edits if edit.is_last or edit.is_changed]


def is_group(chat: str) -> bool:
    """Return whether a chat is a group or a channel."""
    return chat.startswith(("-", "@"))


def _build(rows: Sequence[ChannelMessage], truth: MessageTruth, allowed: frozenset[str]) -> MessageEdit:
    first = rows[0]
    ids = sorted({row.alert for row in rows if row.alert is not None})
    alerts = [truth.alerts[number] for number in ids if number in truth.alerts]
    intent = None if first.intent is None else truth.intents.get(first.intent)
    lines = [line for a in alerts for line in alert_lines(a, truth.silences, is_single=len(alerts) == 1)]
    buttons: ButtonRows = ()
    if alerts:
        buttons = alert_buttons(alerts, allowed)
    if intent is not None:
        decision = truth.decisions.get(intent.id)
        lines += intent_lines(intent, decision)
        buttons = intent_buttons(intent, decision is not None, allowed)
    if first.reason == "resolved":
        # The message says itself that it is over.
        lines = []
    shown = "\n".join(lines)
    html = with_state(first.text, lines)
    return MessageEdit(
        first.channel, first.reference, html, buttons, shown, shown != first.shown, is_final(alerts, intent)
    )
