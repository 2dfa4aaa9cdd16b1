"""A press while the database fails is unknown, then carried out once; errors of the program are answered and told."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from monitor.store.schema import tables
from tests.integration.replies.test_telegram_buttons import FIRST, LOW, RULE, data_of, is_firing, number_of
from tests.support.daemon import clock_of, in_process_daemon, starting_now, write_config
from tests.support.database_lock import locked_database
from tests.support.sandbox import price_below_rung, rung_rules, sandbox
from tests.support.services.telegram_server import ANN, BOB, BotMessage, TelegramServer, telegram_server

NOT_DONE = ("Not done: an error in margin-monitor; see its log", True)


def read_acks(connection: Connection) -> list[tuple[int, str]]:
    return [(row.alert, row.by) for row in connection.execute(select(tables.acks.c.alert, tables.acks.c.by))]


@pytest.fixture(autouse=True)
def stretched_timeouts() -> None:
    """The program's own bounds: they end the wait for a database that is locked."""


@pytest.mark.slow
async def test_press_while_the_database_fails_is_unknown_then_done_once(tmp_path: Path, database_url: str) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, url=database_url, first=FIRST, more=RULE + chat.config())
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            box.sandbox.user_actions.set_price("BTCUSDT", LOW)
            alert = await chat.wait_for_message(is_firing)
            number, ack = number_of(alert), data_of(alert, "Acknowledge")
            await running.wait_for_alerts(lambda rows: any(d.state == "sent" for row in rows for d in row.deliveries))
            with locked_database(database_url, "presses"):
                presses = [await chat.press(alert.id, "", user, data=ack) for user in (ANN, BOB)]
                asked = await chat.write(f"/ack {number}", BOB)
                for press in presses:
                    text, is_alert = await chat.wait_for_answer(press, 60)
                    assert text.startswith("Not known yet whether this takes effect") and is_alert
                await chat.wait_for_message(lambda m: m.reply_to == asked and m.text.startswith("Not known yet"))
                assert await running.store.read(read_acks) == []
                # The wait for the database makes nobody late.
                box.sandbox.user_actions.advance(660)

            # What was pressed is carried out, once, and the result follows in the chat.
            await chat.wait_for_message(lambda m: m.id > asked and f"Alert #{number} is acknowledged" in m.text, 60)
            refusal = f"Telegram:ann (7) has acknowledged alert #{number} already"
            await chat.wait_for_message(lambda m: m.reply_to == alert.id and m.text == refusal, 60)
            await chat.wait_for_message(lambda m: m.reply_to == asked and m.text == refusal, 60)
            await chat.wait_for_message(lambda m: m.id == alert.id and "Acknowledged by telegram:ann (7)" in m.text, 60)
            assert await running.store.read(read_acks) == [(number, "telegram:ann (7)")]
            said = [m.text for m in chat.messages.values() if m.text.startswith("Not known yet")]
            assert len(said) == 1
            assert not [m.text for m in chat.messages.values() if "An error in margin-monitor" in m.text]


def change_by_hand(folder: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "monitor.db", timeout=30, isolation_level=None)) as other:
        other.execute(statement)


def notices(chat: TelegramServer, part: str) -> list[str]:
    return [m.text for m in chat.messages.values() if m.text.startswith("[NOTICE] ") and part in m.text]


async def test_error_of_the_program_is_answered_and_notified_once_and_holds_nothing_up(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, first=FIRST, more=RULE + chat.config())
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            box.sandbox.user_actions.set_price("BTCUSDT", LOW)
            alert = await chat.wait_for_message(is_firing)
            number, ack, silence = number_of(alert), data_of(alert, "Acknowledge"), data_of(alert, "Silence")
            await running.wait_for_alerts(lambda rows: any(d.state == "sent" for row in rows for d in row.deliveries))

            # A database that refuses one kind of row, and takes all others.
            change_by_hand(
                tmp_path,
                "CREATE TRIGGER refuse_acks BEFORE INSERT ON acks BEGIN SELECT RAISE(ABORT, 'acks are refused'); END",
            )
            presses = [await chat.press(alert.id, "", user, data=ack) for user in (ANN, BOB)]
            following = await chat.press(alert.id, "", ANN, data=silence)
            assert [await chat.wait_for_answer(press) for press in presses] == [NOT_DONE, NOT_DONE]
            assert (await chat.wait_for_answer(following))[0].startswith(f"Alert #{number} is silenced")
            told = "An error in margin-monitor: what was pressed or written in a chat was not done"
            await chat.wait_for_message(lambda m: m.text.startswith("[NOTICE] critical") and told in m.text)
            asked = await chat.write(f"/ack {number}", BOB)
            await chat.wait_for_message(lambda m: m.reply_to == asked and m.text == NOT_DONE[0])
            assert len(notices(chat, told)) == 1 and "acks are refused" in notices(chat, told)[0]
            change_by_hand(tmp_path, "DROP TRIGGER refuse_acks")

            # A row that no program wrote.
            change_by_hand(tmp_path, "UPDATE channel_messages SET at = 'yesterday'")
            asked = await chat.write("/ack", reply_to=alert.id)
            await chat.wait_for_message(
                lambda m: m.reply_to == asked and m.text.startswith("An error in margin-monitor")
            )
            await chat.wait_for_message(lambda m: m.text.startswith("[NOTICE]") and "words in a chat" in m.text)
            told = "rows of channel_messages can't be understood, so their messages are no longer edited (row "
            await chat.wait_for_message(lambda m: m.text.startswith("[NOTICE]") and told in m.text)
            assert await running.store.read(read_acks) == []

            # An alert that no program wrote, and that stays for a while.
            change_by_hand(tmp_path, "UPDATE channel_messages SET at = 1790000000000")
            kept = "BEFORE UPDATE ON alerts WHEN OLD.labels LIKE 'x%'"
            change_by_hand(tmp_path, f"CREATE TRIGGER keep_alerts {kept} BEGIN SELECT RAISE(IGNORE); END")
            change_by_hand(tmp_path, "UPDATE alerts SET labels = 'x' || labels")
            await chat.wait_for_message(lambda m: m.text.startswith("[NOTICE]") and "compared with the truth" in m.text)
            change_by_hand(tmp_path, "DROP TRIGGER keep_alerts")
            change_by_hand(tmp_path, "UPDATE alerts SET labels = substr(labels, 2) WHERE labels LIKE 'x%'")

            # A document that no program wrote, and that stays.
            change_by_hand(tmp_path, "UPDATE live SET document = '{}'")
            change_by_hand(tmp_path, "CREATE TRIGGER keep BEFORE UPDATE ON live BEGIN SELECT RAISE(IGNORE); END")
            asked = await chat.write("/status", BOB)
            answer = await chat.wait_for_message(lambda m: m.reply_to == asked)
            assert "can't be understood" in answer.text
            await chat.wait_for_message(
                lambda m: m.text.startswith("[NOTICE]") and "/status was not answered" in m.text
            )

            # Pressed anew it is done.
            assert (await chat.wait_for_answer(await chat.press(alert.id, "", ANN, data=ack)))[0].startswith("Alert #")
            assert await running.store.read(read_acks) == [(number, "telegram:ann (7)")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "column"),
    [("at = 'yesterday'", "at"), ("reference = '42'||x'00'", "reference"), ("alert = 'x'", "alert")],
)
async def test_broken_row_costs_its_message_alone(tmp_path: Path, change: str, column: str) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, first=FIRST, more=rung_rules(2) + chat.config())
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            messages: list[BotMessage] = []
            for rung in range(2):
                box.sandbox.user_actions.set_price("BTCUSDT", price_below_rung(rung))
                seen = {message.id for message in messages}
                messages.append(await chat.wait_for_message(lambda m: is_firing(m) and m.id not in seen))  # noqa: B023
            sent = lambda rows: sum(d.state == "sent" for r in rows for d in r.deliveries) == 2  # noqa: E731
            await running.wait_for_alerts(sent)
            broken, whole = messages
            change_by_hand(tmp_path, f"UPDATE channel_messages SET {change} WHERE reference = '42/{broken.id}'")
            presses = [await chat.press(message.id, "Acknowledge", ANN) for message in messages]
            for press, message in zip(presses, messages, strict=True):
                assert (await chat.wait_for_answer(press))[0].startswith(f"Alert #{number_of(message)} is acknowledged")
            shown = "Acknowledged by telegram:ann (7)"
            await chat.wait_for_message(lambda m: m.id == whole.id and shown in m.text)
            told = "rows of channel_messages can't be understood, so their messages are no longer edited (row "
            notice = await chat.wait_for_message(lambda m: m.text.startswith("[NOTICE] warning") and told in m.text)
            assert f" ({column})" in notice.text and len(notices(chat, told)) == 1
            # A message of which no row has the reference is recorded anew by the press, and edited again.
            assert len(broken.texts) == 1 or column == "reference"
