"""Answers come and go with the configuration, and a drill shows them without any effect."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.replies.test_telegram_buttons import FIRST, RULE
from tests.support.command import margin_monitor
from tests.support.daemon import clock_of, eventually, in_process_run, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.services.telegram_server import TelegramServer, telegram_server


@pytest.mark.slow
async def test_reload_changes_and_removes_the_answers(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:

        def write(more: str) -> Path:
            return write_config(tmp_path, box.ready, first=FIRST, more=RULE + more)

        config = write(chat.config(allow=("ack",)))
        async with in_process_run(config, clock_of(box.sandbox)) as turn:
            await eventually(lambda: _is_read(chat, 1), 60)
            drill = await _drill(chat, config, seen=0)
            assert chat.messages[drill].labels == ["Acknowledge"]
            press = await chat.press(drill, "Acknowledge")
            assert await chat.wait_for_answer(press) == ("A drill: the button works, and nothing was done.", True)

            first = turn.daemon
            write(chat.config(allow=("ack", "status")))
            turn.reload()
            await eventually(lambda: _is_replaced(turn.daemon, first), 60)
            second = await _drill(chat, config, seen=max(chat.messages))
            assert chat.messages[second].labels == ["Acknowledge", "Status"]

            following = turn.daemon
            write("")
            turn.reload()
            await eventually(lambda: _is_replaced(turn.daemon, following), 60)
            await chat.press(second, "Acknowledge")
            polls = len(chat.calls("getUpdates"))
            await eventually(lambda: _has_ticked(turn.daemon), 60)
            assert (len(chat.calls("getUpdates")), len(chat.updates)) == (polls, 1)


async def _is_read(chat: TelegramServer, count: int) -> bool:
    return len(chat.calls("getUpdates")) >= count


async def _is_replaced(daemon: object, before: object) -> bool:
    return daemon is not None and daemon is not before and bool(getattr(daemon, "is_ready", False))


async def _has_ticked(daemon: object) -> bool:
    return bool(getattr(daemon, "is_recording", False))


async def _drill(chat: TelegramServer, config: Path, seen: int) -> int:
    """The number of the first message of a drill."""
    said = await asyncio.to_thread(margin_monitor, config, "drill", "low")
    assert said.code == 0, said
    return (await chat.wait_for_message(lambda m: m.id > seen and m.text.startswith("[DRILL]"), 60)).id
