"""Faults of the service and of its network: answers that can't be read are loud, and alerts go on."""

import asyncio
import contextlib
import json
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.notify.telegram.bot import BotRequestFailed, TelegramBot
from monitor.runtime.replies import reply_service, telegram_loop
from tests.integration.replies.test_telegram_buttons import FIRST, LOW, RULE, data_of, is_firing
from tests.support.command import margin_monitor
from tests.support.daemon import clock_of, eventually, in_process_daemon, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.services.telegram_server import ANN, TOKEN, Fault, TelegramServer, telegram_server
from tests.support.sinks import http_sink

MUTE = """
[[rules]]
name = "mute"
scope = "monitor"
when = "notifications_failing > 0"
severity = "critical"

"""


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        (Fault(status=409, description="Conflict: terminated by other getUpdates request"), "another program reads"),
        (Fault(status=401, description="Unauthorized"), "token is refused"),
        (Fault(kind="cut"), "answers can't be read"),
    ],
)
@pytest.mark.slow
async def test_bot_that_cannot_be_read_is_loud_and_alerts_go_on(
    fault: Fault, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_service, "GRACE_S", 1.0)
    monkeypatch.setattr(telegram_loop, "CONFLICT_WINDOW_S", 1.0)
    with http_sink() as mail:
        async with telegram_server() as chat, sandbox(starting_now()) as box:
            more = RULE + MUTE + chat.config()
            config = write_config(tmp_path, box.ready, first=FIRST, more=more, channels={"mail": mail.url})
            chat.standing_faults["getUpdates"] = fault
            async with in_process_daemon(config, clock_of(box.sandbox)) as running:

                async def is_loud() -> bool:
                    return part in running.daemon.channel_problems.get("chat", "")

                await eventually(is_loud, story=lambda: str(running.daemon.channel_problems))
                await running.wait_for_alerts(lambda rows: any(row.alert.key.rule == "mute" for row in rows))
                box.sandbox.user_actions.set_price("BTCUSDT", LOW)
                alert = await chat.wait_for_message(lambda m: is_firing(m) and "main cross" in m.text)
                press = await chat.press(alert.id, "Acknowledge")

                # Another program that stops, a network that is back: the press was not lost.
                del chat.standing_faults["getUpdates"]
                assert (await chat.wait_for_answer(press, 60))[0].startswith("Alert #")

                async def is_well() -> bool:
                    return not running.daemon.channel_problems

                await eventually(is_well)
            assert any(request.json()["reason"] == "fired" for request in mail.received)


@pytest.mark.slow
async def test_another_reader_of_the_bot_is_loud_although_each_read_works_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than the pause between two reads, so that a read that works in turn could hide the failure.
    monkeypatch.setattr(reply_service, "GRACE_S", 10.0)
    monkeypatch.setattr(telegram_loop, "CONFLICT_WINDOW_S", 20.0)
    monkeypatch.setattr(telegram_loop, "LONG_POLL_S", 5)
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, first=FIRST, more=RULE + chat.config())
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            await eventually(lambda: _has_read(chat))
            other = TelegramBot(TOKEN, chat.url, 5)
            reading = asyncio.create_task(_keep_reading(other))

            async def is_loud() -> bool:
                return "another program reads the updates" in running.daemon.channel_problems.get("chat", "")

            await eventually(is_loud, 60)
            reading.cancel()
            await asyncio.wait([reading])
            await other.close()

            async def is_well() -> bool:
                return not running.daemon.channel_problems

            await eventually(is_well, 90)


async def _has_read(chat: TelegramServer) -> bool:
    return bool(chat.polled_at)


async def _keep_reading(bot: TelegramBot) -> None:
    """Read without confirming, as another program does that was given the same bot."""
    while True:
        with contextlib.suppress(BotRequestFailed):
            await bot.read_updates(None, 20)
        # Long enough that the daemon's next read works in between.
        await asyncio.sleep(2)


@pytest.mark.slow
async def test_reads_of_updates_wait_as_the_service_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_service, "GRACE_S", 1.0)
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, first=FIRST, more=RULE + chat.config())
        wait_s = 4
        chat.standing_faults["getUpdates"] = Fault(status=429, description="Too Many Requests", retry_after=wait_s)
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            box.sandbox.user_actions.set_price("BTCUSDT", LOW)
            alert = await chat.wait_for_message(is_firing)
            press = await chat.press(alert.id, "Acknowledge")

            async def has_asked_again() -> bool:
                return len(chat.polled_at) >= 2

            await eventually(has_asked_again, 60)
            # A wait that lasts counts as the channel's failure; messages go on meanwhile.
            assert "answers can't be read" in running.daemon.channel_problems["chat"]
            del chat.standing_faults["getUpdates"]
            assert (await chat.wait_for_answer(press, 60))[0].startswith("Alert #")
            first, second, third, *_ = chat.polled_at
            assert min(second - first, third - second) >= wait_s

            async def is_well() -> bool:
                return not running.daemon.channel_problems

            await eventually(is_well)


@pytest.mark.slow
async def test_edits_wait_as_the_service_asks_and_delay_no_alert(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, first=FIRST, more=RULE + chat.config())
        async with in_process_daemon(config, clock_of(box.sandbox)):
            too_many = Fault("editMessageText", status=429, description="Too Many Requests", retry_after=3)
            chat.faults = [too_many, Fault("editMessageText", kind="cut", carried_out=True)]
            box.sandbox.user_actions.set_price("BTCUSDT", LOW)
            alert = await chat.wait_for_message(is_firing)
            press = await chat.press(alert.id, "", ANN, data=data_of(alert, "Acknowledge"))
            await chat.wait_for_answer(press)
            box.sandbox.user_actions.set_price("BTCUSDT", Decimal(60_000))
            await chat.wait_for_message(lambda m: m.text.startswith("[RESOLVED]"))
            await chat.wait_for_message(lambda m: m.id == alert.id and "Resolved at" in m.text, 60)
            assert not chat.faults


@pytest.mark.slow
async def test_update_that_cannot_be_read_is_left_out_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, first=FIRST, more=RULE + chat.config())
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            box.sandbox.user_actions.set_price("BTCUSDT", LOW)
            alert = await chat.wait_for_message(is_firing)
            for _ in range(2):
                await chat.add_update({"message": {"message_id": 1, "text": "words that nobody may quote"}})
            press = await chat.press(alert.id, "Acknowledge")
            assert (await chat.wait_for_answer(press))[0].startswith("Alert #")
            told = "[NOTICE] warning An error in margin-monitor: an update of a bot can't be read and is left out"
            notice = await chat.wait_for_message(lambda m: m.text.startswith(told))
            assert "(update 1000, KeyError; 1 so far of chat)" in notice.text

            async def is_confirmed() -> bool:
                return chat.updates == []

            await eventually(is_confirmed)
            assert not running.daemon.channel_problems
            assert len([m for m in chat.messages.values() if m.text.startswith(told)]) == 1
    said = [record.getMessage() for record in caplog.records]
    assert [sum(f"update {number}, KeyError" in line for line in said) for number in (1000, 1001)] == [1, 1]
    assert "replies.restarting" not in caplog.text and "nobody may quote" not in caplog.text


async def test_check_and_notify_use_the_bot_and_never_show_its_token(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, more=chat.config(allow=("ack",)))
        said = await _run(config, "check", "--json")
        row = next(item for item in said["items"] if item["name"] == "channel:chat")
        expected = {"result": "ok", "detail": 'Telegram; bot @margin_test_bot in "Ann", 2 users may ack'}
        assert {key: row[key] for key in expected} == expected
        (sent,) = (await _run(config, "notify", "test", "chat", "--json"))["items"]
        assert sent["ok"] and sent["answer"].startswith("accepted as message")
        assert [m.text.startswith("[NOTICE] info This is a test message") for m in chat.messages.values()] == [True]
        chat.standing_faults["getMe"] = Fault(status=401, description="Unauthorized")
        said = await _run(config, "check", "--json")
        row = next(item for item in said["items"] if item["name"] == "channel:chat")
        assert (row["result"], row["detail"]) == (
            "error",
            'channels "chat": Telegram said: the bot\'s token is refused: Unauthorized',
        )
        assert "AAEhBO" not in str(said)


async def _run(config: Path, *words: str) -> "dict[str, list[dict[str, str]]]":

    result = await asyncio.to_thread(margin_monitor, config, *words)
    assert "AAEhBO" not in result.out + result.err
    found: dict[str, list[dict[str, str]]] = json.loads(result.out)
    return found
