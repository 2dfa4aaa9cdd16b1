"""A chat that answers: buttons and words become commands, and every message shows the truth."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.intent import IntentState
from monitor.store.commands_in_force import read_pause, read_silences
from tests.support.command import margin_monitor
from tests.support.daemon import clock_of, in_process_daemon, starting_now, write_config
from tests.support.money_actions import intents, money_requests, repay_config
from tests.support.sandbox import sandbox
from tests.support.services.telegram_server import ANN, BOB, BOT_NAME, EVE, BotMessage, telegram_server

RULE = """
[[rules]]
name = "low"
scope = "cross"
when = "margin_level < 1.8"
severity = "critical"
repeat = "1d"

"""
LOW, SAFE = Decimal(57_000), Decimal(60_000)
"""1.5 BTC and 20,000 USDT against 60,000: levels of 1.758 and 1.833."""

ALL = ("ack", "silence", "status", "approve", "reject", "pause")
FIRST = "default_rules = false"


def is_firing(message: BotMessage) -> bool:
    return message.text.startswith("[FIRING]")


def number_of(message: BotMessage) -> int:
    """The number of the alert in a message's title."""
    return int(message.texts[0].partition("(#")[2].partition(")")[0])


def data_of(message: BotMessage, label: str) -> str:
    return next(b["callback_data"] for row in message.buttons for b in row if b["text"].startswith(label))


async def test_alert_is_acknowledged_from_its_message_and_shows_how_it_ends(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, first=FIRST, more=RULE + chat.config())
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            box.sandbox.user_actions.set_price("BTCUSDT", LOW)
            alert = await chat.wait_for_message(is_firing)
            number, ack, silence = number_of(alert), data_of(alert, "Acknowledge"), data_of(alert, "Silence")
            assert alert.labels == ["Acknowledge", "Silence 1 h", "Status"]

            # A stranger is answered once, and reported.
            text, is_alert = await chat.wait_for_answer(await chat.press(alert.id, "", EVE, data=ack))
            assert "you are not among those" in text and is_alert
            assert await chat.wait_for_answer(await chat.press(alert.id, "", EVE, data=ack)) == ("", False)
            notice = await chat.wait_for_message(lambda m: m.text.startswith("[NOTICE]"))
            assert "telegram:eve (666)" in notice.text and "nothing was done" in notice.text
            assert [a.acked_by for a in running.state().alerts.values()] == [None]

            first = await chat.press(alert.id, "", ANN, data=ack)
            second = await chat.press(alert.id, "", BOB, data=ack)
            said = f"Alert #{number} is acknowledged: no reminders, no escalation"
            assert await chat.wait_for_answer(first) == (said, False)
            refusal = f"Telegram:ann (7) has acknowledged alert #{number} already"
            assert await chat.wait_for_answer(second) == (refusal, True)
            await running.wait_for_state(lambda s: [a.acked_by for a in s.alerts.values()] == ["telegram:ann (7)"])
            await chat.wait_for_message(lambda m: m.id == alert.id and "Acknowledged by telegram:ann (7) at" in m.text)
            assert alert.labels == ["Silence 1 h", "Status"]

            box.sandbox.user_actions.set_price("BTCUSDT", SAFE)
            over = await chat.wait_for_message(lambda m: m.text.startswith("[RESOLVED]"))
            assert over.reply_to == alert.id
            await chat.wait_for_message(lambda m: m.id == alert.id and "\nResolved at " in m.text)
            assert alert.labels == ["Status"]
            late = await chat.press(alert.id, "", data=silence)
            assert await chat.wait_for_answer(late) == (f"Alert #{number} is resolved already", True)
            # A number that the database has given to another alert since.
            other = await chat.press(alert.id, "", data=f"a:{number}:zz")
            assert "another alert under this number" in (await chat.wait_for_answer(other))[0]


@pytest.mark.slow
async def test_words_are_commands_and_one_truth_holds_for_all_messages(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, first=FIRST, more=RULE + chat.config(allow=ALL))
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            box.sandbox.user_actions.set_price("BTCUSDT", LOW)
            alert = await chat.wait_for_message(is_firing)

            async def ask(words: str, part: str, reply_to: int | None = None) -> None:
                asked = await chat.write(words, reply_to=reply_to)
                await chat.wait_for_message(lambda m: m.id > asked and part in m.text)

            # The status is read from the document that the last tick recorded.
            await running.wait_for_document(lambda document: "1.75" in str(document))
            await ask("/status", "main cross: level 1.75")
            await ask(f"/alerts@{BOT_NAME}", f"#{number_of(alert)} critical main cross")
            await ask("/stress 20%", "→")
            await ask("/stress twenty", "'twenty' is not a percentage")
            await ask("/help", "/help: this list")
            await ask("/nonsense", "There is no command /nonsense")
            await ask("/silence", "Which alert?")
            await ask("/silence 2h", "is silenced for 2h", reply_to=alert.id)
            (silence,) = await running.store.read(read_silences)
            assert (silence.author, silence.channel, silence.include_critical) == ("telegram:ann (7)", "chat", True)
            await chat.wait_for_message(lambda m: m.id == alert.id and "Silenced by telegram:ann (7) until" in m.text)

            # Acknowledged on the command line: the message shows it.
            words = ("ack", str(number_of(alert)), "--comment", "on it", "--author", "carl")
            said = await asyncio.to_thread(margin_monitor, config, *words)
            assert said.code == 0, said
            shown = await chat.wait_for_message(lambda m: m.id == alert.id and "Acknowledged by carl" in m.text)
            assert "on it" in shown.text

            # A pause needs a second press.
            asked = await chat.press(alert.id, "Pause actions")
            question = await chat.wait_for_message(lambda m: m.text.startswith("Pause all actions?"))
            assert (await chat.wait_for_answer(asked))[0] == ""
            assert await running.store.read(read_pause) is None
            confirmed = await chat.press(question.id, "Yes", BOB)
            assert (await chat.wait_for_answer(confirmed))[0].startswith("All actions are paused")
            await running.wait_for_state(lambda state: state.is_paused)
            again = await chat.press(question.id, "Yes", ANN)
            assert await chat.wait_for_answer(again) == ("All actions are paused by telegram:bob (8) already", True)
            await ask("/pause", "Pause all actions?")


@pytest.mark.slow
async def test_proposal_is_approved_from_its_message_once_and_shows_the_outcome(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, more=repay_config(mode="approve") + chat.config(allow=ALL))
        async with in_process_daemon(config, clock_of(box.sandbox)):
            asked = await chat.wait_for_message(lambda m: any(label.startswith("Approve: ") for label in m.labels))
            assert any(label.startswith("Approve: repay ") and "USDT" in label for label in asked.labels)
            assert money_requests(box.sandbox.requests) == []
            approve, reject = data_of(asked, "Approve"), data_of(asked, "Reject")
            first = await chat.press(asked.id, "", data=approve)
            second = await chat.press(asked.id, "", BOB, data=reject)
            assert (await chat.wait_for_answer(first))[0].startswith("Approved: repay ")
            assert await chat.wait_for_answer(second) == ("Telegram:ann (7) has approved it already", True)
            shown = await chat.wait_for_message(lambda m: m.id == asked.id and "\nDone at " in m.text, 60)
            assert "Approved by telegram:ann (7)" in shown.text
            assert not any(label.startswith(("Approve", "Reject")) for label in shown.labels)
            assert len(money_requests(box.sandbox.requests)) == 1
        assert intents(tmp_path)[0].state is IntentState.CONFIRMED
