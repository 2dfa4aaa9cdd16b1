"""The library's own client against a Bot API on loopback: each failure has its kind, and none holds the token."""

import asyncio
import logging
import time

import pytest

from monitor.notify.telegram.bot import BotRequestFailed, TelegramBot
from monitor.notify.telegram.updates import ChatPress, ChatWords
from monitor.view.messages.buttons import Button
from tests.support.services.telegram_server import ANN, BOT_NAME, CHAT, TOKEN, Fault, TelegramServer


async def test_message_is_sent_with_buttons_and_edited(server: TelegramServer, bot: TelegramBot) -> None:
    assert await bot.read_name() == BOT_NAME
    assert await bot.read_chat_title(str(CHAT)) == "Ann"
    number = await bot.send(str(CHAT), "<b>title</b>\n1 &lt; 2", ((Button("Acknowledge", "a:1:x"),),), silent=True)
    message = server.messages[number]
    assert (message.text, message.labels, message.silent) == ("title\n1 < 2", ["Acknowledge"], True)
    reply = await bot.send(str(CHAT), "later", replies_to=number, topic=5)
    assert (server.messages[reply].reply_to, server.messages[reply].topic) == (number, 5)
    await bot.edit(str(CHAT), number, "<b>title</b>\nover", ())
    assert (message.text, message.labels) == ("title\nover", [])


async def test_updates_come_from_the_offset_on_and_are_confirmed(server: TelegramServer, bot: TelegramBot) -> None:
    number = await bot.send(str(CHAT), "<b>title</b>", ((Button("Acknowledge", "a:1:x"),),))
    press = await server.press(number, "Ack")
    await server.write("/status", reply_to=number)
    first, second = await bot.read_updates(None, 0)
    assert isinstance(first.content, ChatPress) and isinstance(second.content, ChatWords)
    pressed, words = first.content, second.content
    assert (pressed.id, pressed.user.id, pressed.data, pressed.text) == (press, ANN, "a:1:x", "<b>title</b>")
    assert (words.text, words.user.name, words.replies_to, words.is_private) == ("/status", "ann", number, True)
    assert await bot.read_updates(second.number, 0) == [second]
    assert await bot.read_updates(second.number + 1, 0) == []
    assert server.updates == []
    await bot.answer_press(press, "x" * 300, is_alert=True)
    text, is_alert = server.answers[press]
    assert (len(text), is_alert) == (200, True)


async def test_half_of_a_sign_in_words_is_replaced(server: TelegramServer, bot: TelegramBot) -> None:
    await server.write("/stress \ud83d")
    (update,) = await bot.read_updates(None, 0)
    assert isinstance(update.content, ChatWords) and update.content.text == "/stress ?"


async def test_long_poll_returns_as_soon_as_something_comes(server: TelegramServer, bot: TelegramBot) -> None:
    polling = asyncio.create_task(bot.read_updates(None, 60))
    await server.write("/help")
    async with asyncio.timeout(30):
        assert len(await polling) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "part"),
    [
        (Fault(status=429, description="Too Many Requests: retry after 7", retry_after=7), "retry", "7"),
        (Fault(status=401, description="Unauthorized"), "token", "Unauthorized"),
        (Fault(status=404, description="Not Found"), "token", "Not Found"),
        (Fault(status=409, description="Conflict: terminated by other getUpdates request"), "conflict", "terminated"),
        (Fault(status=403, description="Forbidden: bot was blocked by the user"), "forbidden", "blocked"),
        (Fault(status=400, description="Bad Request: chat not found"), "request", "chat not found"),
        (Fault(status=400, description="Bad Request: message is not modified"), "unchanged", "not modified"),
        (Fault(status=400, description="Bad Request: message to edit not found"), "gone", "not found"),
        (Fault(status=400, description="Bad Request: query is too old"), "gone", "too old"),
        (Fault(status=502, description="Bad Gateway"), "network", "Bad Gateway"),
        (Fault(kind="cut"), "network", "httpx"),
        (Fault(kind="garbage"), "network", "Invalid server response"),
    ],
)
async def test_failure_has_a_kind_and_no_token(
    fault: Fault, kind: str, part: str, server: TelegramServer, bot: TelegramBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.faults = [fault]
    with pytest.raises(BotRequestFailed) as caught:
        await bot.send(str(CHAT), "text")
    assert (caught.value.kind, caught.value.retry_after_s) == (kind, 7 if kind == "retry" else None)
    assert part.lower() in caught.value.answer.lower()
    assert TOKEN.partition(":")[2] not in f"{caught.value.answer} {caught.value!r} {caplog.text}"
    assert await bot.send(str(CHAT), "text")


async def test_request_that_hangs_ends_at_its_limit(server: TelegramServer) -> None:
    bot = TelegramBot(TOKEN, server.url, 0.3)
    await bot.load()
    server.faults = [Fault(kind="hang")]
    began = time.monotonic()
    with pytest.raises(BotRequestFailed) as caught:
        await bot.send(str(CHAT), "text")
    assert caught.value.kind == "network" and time.monotonic() - began < 30
    await bot.close()


async def test_service_that_is_not_there_is_a_failure_of_the_network() -> None:
    bot = TelegramBot(TOKEN, "http://127.0.0.1:9", 5)
    with pytest.raises(BotRequestFailed) as caught:
        await bot.read_updates(None, 0)
    assert caught.value.kind == "network" and "AAEhBO" not in str(caught.value)
    await bot.close()


async def test_wrong_token_has_its_own_kind(server: TelegramServer) -> None:
    bot = TelegramBot("123456789:wrong-token-of-some-length", server.url, 5)
    with pytest.raises(BotRequestFailed) as caught:
        await bot.read_name()
    assert caught.value.kind == "token" and "wrong-token" not in str(caught.value)
    await bot.close()
