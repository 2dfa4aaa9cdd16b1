"""Several channels of one bot: a private chat, and the topics of a forum with an @name."""

from pathlib import Path

import pytest

from tests.integration.replies.test_telegram_buttons import FIRST, LOW, RULE, data_of, is_firing, number_of
from tests.support.daemon import clock_of, eventually, in_process_daemon, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.services.telegram_server import ANN, BOB, BOT_NAME, BotMessage, telegram_server

ROOM, ROOM_NUMBER = "@margin_room", -1001234567890
DESK, HALL = 5, 9
"""Two topics of the room."""


@pytest.mark.slow
async def test_channels_of_one_bot_are_answered_each_in_its_place_by_its_users(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        chat.chat_names = {ROOM_NUMBER: ROOM}
        more = (
            RULE
            + chat.config(users=[ANN])
            + chat.config(name="desk", chat=f"{ROOM}?topic={DESK}", allow=["status"], users=[ANN, BOB])
            + chat.config(name="hall", chat=f"{ROOM}:{HALL}", users=[BOB])
        )
        config = write_config(tmp_path, box.ready, first=FIRST, more=more)
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            box.sandbox.user_actions.set_price("BTCUSDT", LOW)

            async def alert_in(place: str, topic: int | None) -> BotMessage:
                return await chat.wait_for_message(lambda m: is_firing(m) and (m.chat, m.topic) == (place, topic))

            private, desk, hall = await alert_in("42", None), await alert_in(ROOM, DESK), await alert_in(ROOM, HALL)
            number, ack = number_of(private), data_of(private, "Acknowledge")
            assert [message.labels for message in (desk, hall)] == [
                ["Status"],
                ["Acknowledge", "Silence 1 h", "Status"],
            ]

            # What is allowed in one channel is not in another of the same forum, nor are its users.
            refused = await chat.press(desk.id, "", BOB, chat=ROOM_NUMBER, data=ack)
            assert await chat.wait_for_answer(refused) == ('"ack" is not allowed here.', True)
            stranger = await chat.press(hall.id, "", ANN, chat=ROOM_NUMBER, data=ack)
            assert "you are not among those" in (await chat.wait_for_answer(stranger))[0]
            assert [alert.acked_by for alert in running.state().alerts.values()] == [None]

            done = await chat.press(hall.id, "Acknowledge", BOB, chat=ROOM_NUMBER)
            assert (await chat.wait_for_answer(done))[0].startswith(f"Alert #{number} is acknowledged")

            async def is_shown_everywhere() -> bool:
                return all("Acknowledged by telegram:bob" in message.text for message in (private, desk, hall))

            await eventually(is_shown_everywhere)
            assert (private.labels, hall.labels) == (["Silence 1 h", "Status"], ["Silence 1 h", "Status"])

            # Answers come where they were asked for.
            await chat.press(desk.id, "Status", ANN, chat=ROOM_NUMBER)
            status = await chat.wait_for_message(lambda m: m.reply_to == desk.id and "main cross: level" in m.text)
            assert (status.chat, status.topic) == (ROOM, DESK)
            words = await chat.write(f"/silence@{BOT_NAME} {number} 2h", BOB, chat=ROOM_NUMBER, topic=HALL)
            silenced = await chat.wait_for_message(lambda m: m.id > words and "is silenced for 2h" in m.text)
            assert (silenced.chat, silenced.topic) == (str(ROOM_NUMBER), HALL)
            await chat.write("/silence@another_bot 1", BOB, chat=ROOM_NUMBER, topic=HALL)
            asked = await chat.write("/ack 1", ANN, chat=ROOM_NUMBER, topic=DESK)
            denied = await chat.wait_for_message(lambda m: m.id > asked and "/ack is not allowed here" in m.text)
            assert denied.topic == DESK
            assert not running.daemon.channel_problems
