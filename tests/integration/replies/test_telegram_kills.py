"""The real daemon, killed between press, commit and edit: nothing pressed is lost, and nothing is done twice."""

import signal
from pathlib import Path
from typing import Literal, get_args

import pytest
from sqlalchemy import Connection, select

from monitor.errors import StoreError
from monitor.store.command_store import ReadStore
from monitor.store.schema import tables
from tests.integration.replies.test_telegram_buttons import FIRST, data_of, is_firing, number_of
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import price_below_rung, rung_rules, sandbox
from tests.support.services.telegram_server import ANN, BotMessage, Fault, telegram_server

Instant = Literal["before", "pressed", "committed", "answered", "editing"]

STARTED = "stream=market connected=True"


def acked_alerts(folder: Path) -> list[int]:
    """The alert of each acknowledgement in the database."""

    def read(connection: Connection) -> list[int]:
        return list(connection.execute(select(tables.acks.c.alert).order_by(tables.acks.c.id)).scalars())

    try:
        with ReadStore.open(f"sqlite:///{folder}/monitor.db") as store:
            return store.read(read)
    except StoreError:
        return []


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_press_is_lost_or_done_twice_over_kills(tmp_path: Path) -> None:
    instants = get_args(Instant)
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, first=FIRST, more=rung_rules(len(instants)) + chat.config())
        messages: list[BotMessage] = []
        async with daemon_process(config) as child:
            await child.wait_for_line(STARTED)
            for number in range(len(instants)):
                box.sandbox.user_actions.set_price("BTCUSDT", price_below_rung(number))
                seen = {m.id for m in messages}
                messages.append(await chat.wait_for_message(lambda m: is_firing(m) and m.id not in seen))  # noqa: B023
            await child.stop(signal.SIGKILL)
        for instant, message in zip(instants, messages, strict=True):
            number = number_of(message)
            data = data_of(message, "Acknowledge")
            if instant == "before":
                # Pressed while nobody is there to read it.
                await chat.press(message.id, "", ANN, data=data)
            async with daemon_process(config) as child:
                await child.wait_for_line("replies.read")
                if instant == "editing":
                    chat.standing_faults["editMessageText"] = Fault(kind="hang")
                press = "" if instant == "before" else await chat.press(message.id, "", ANN, data=data)

                async def is_there(number: int = number, instant: Instant = instant, press: str = press) -> bool:
                    edits = [call for call in chat.calls("editMessageText") if call["text"].count("Acknowledged")]
                    return {
                        "pressed": True,
                        "answered": press in chat.answers,
                        "editing": number in acked_alerts(tmp_path) and len(edits) > 0,
                    }.get(instant, number in acked_alerts(tmp_path))

                await eventually(is_there, 60, story=lambda: child.text)
                await child.stop(signal.SIGKILL)
            chat.standing_faults.clear()
        async with daemon_process(config) as child:

            async def shows_it_everywhere() -> bool:
                return all("Acknowledged by telegram:ann (7)" in message.text for message in messages)

            await eventually(shows_it_everywhere, 60, story=lambda: child.text)
            assert await child.stop() == 0
        assert sorted(acked_alerts(tmp_path)) == sorted(number_of(message) for message in messages)
