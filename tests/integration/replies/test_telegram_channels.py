"""Several channels of one bot: a private chat, and the topics of a forum with an @name."""

import logging
from pathlib import Path
from typing import Literal, get_args

import pytest
from sqlalchemy import Connection, select

from monitor.store.schema import tables
from tests.integration.replies.test_telegram_buttons import FIRST, LOW, RULE, data_of, is_firing, number_of
from tests.support.daemon import clock_of, eventually, in_process_daemon, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.services.telegram_server import ANN, BOB, BOT_NAME, BotMessage, telegram_server

Told = Literal["no topic", "no text"]

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


def read_acks(connection: Connection) -> list[str]:
    return list(connection.execute(select(tables.acks.c.by)).scalars())


def forget_messages(connection: Connection) -> None:
    """Leave the messages as a crash does between their sending and their record."""
    connection.execute(tables.channel_messages.delete())


@pytest.mark.slow
async def test_press_without_its_topic_counts_in_the_channel_of_its_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        chat.chat_names = {ROOM_NUMBER: ROOM}
        more = (
            RULE
            + chat.config(name="desk", chat=f"{ROOM}?topic={DESK}", allow=["status"], users=[ANN, BOB])
            + chat.config(name="hall", chat=f"{ROOM}:{HALL}", users=[BOB])
        )
        config = write_config(tmp_path, box.ready, first=FIRST, more=more)
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            box.sandbox.user_actions.set_price("BTCUSDT", LOW)
            desk = await chat.wait_for_message(lambda m: is_firing(m) and m.topic == DESK)
            hall = await chat.wait_for_message(lambda m: is_firing(m) and m.topic == HALL)
            number, ack, silence = number_of(hall), data_of(hall, "Acknowledge"), data_of(hall, "Silence")

            async def press(message: BotMessage, data: str, user: int, told: Told) -> tuple[str, bool]:
                return await chat.wait_for_answer(
                    await chat.press(message.id, "", user, chat=ROOM_NUMBER, data=data, told=told)
                )

            await running.wait_for_alerts(lambda rows: all(d.state == "sent" for r in rows for d in r.deliveries))
            for told in get_args(Told):
                assert await press(desk, ack, BOB, told) == ('"ack" is not allowed here.', True)
                assert "you are not among those" in (await press(hall, ack, ANN, told))[0] or told == "no text"
            assert await running.store.read(read_acks) == []
            assert (await press(hall, ack, BOB, "no topic"))[0].startswith(f"Alert #{number} is acknowledged")
            assert (await press(hall, silence, BOB, "no text"))[0].startswith(f"Alert #{number} is silenced")
            assert "reply.channel_unknown" not in caplog.text

            # Words that answer a message count in its channel; others in no channel's topic only as all of them let it.
            refusal = "/ack: not done, since it is not known which channel this is"
            asked = await chat.write(f"/ack@{BOT_NAME}", BOB, chat=ROOM_NUMBER, reply_to=hall.id)
            await chat.wait_for_message(lambda m: m.reply_to == asked and "has acknowledged alert" in m.text)
            asked = await chat.write(f"/ack@{BOT_NAME} {number}", BOB, chat=ROOM_NUMBER)
            await chat.wait_for_message(lambda m: m.reply_to == asked and m.text.startswith(refusal))

            # Where the message is not known either, a press does what all channels of the chat let this user do.
            await running.store.execute(forget_messages)
            caplog.clear()
            for user in (ANN, BOB):
                text, is_alert = await press(hall, ack, user, "no topic")
                assert text.startswith('"ack": not done, since it is not known which channel this is') and is_alert
            assert caplog.text.count(f"reply.channel_unknown message={ROOM_NUMBER}/{hall.id} candidates=desk,hall") == 2
            assert await press(hall, "t", BOB, "no topic") == ("", False)
            await chat.wait_for_message(lambda m: m.reply_to == hall.id and "main cross: level" in m.text)
            assert await running.store.read(read_acks) == ["telegram:bob (8)"]
