"""Updates as the library reads them: one that it can't read is left out by its number, and quoted nowhere."""

import json
import logging
from typing import Any

import pytest

from monitor.notify.telegram.bot import BotRequestFailed, TelegramBot
from monitor.notify.telegram.updates import BotUpdate, ChatPress, ChatWords
from monitor.view.messages.buttons import Button
from tests.support.services.telegram_server import ANN, CHAT, Fault, TelegramServer, person

SAID = "words that nobody may quote"
MESSAGE = {"message_id": 9, "date": 1, "chat": {"id": CHAT, "type": "private"}, "from": person(ANN), "text": SAID}
PRESS = {"id": "1", "from": person(ANN), "chat_instance": "1", "data": "a:1:x"}
HALF_SIGN = {"text": f"\U0001f600 {SAID}", "entities": [{"type": "bold", "offset": 1, "length": 2}]}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"message": {key: value for key, value in MESSAGE.items() if key != "date"}}, "KeyError"),
        ({"message": {**MESSAGE, "chat": SAID}}, "TypeError"),
        ({"callback_query": {"id": "1", "data": SAID}}, "TypeError"),
        ({"callback_query": SAID}, "AttributeError"),
        ({"callback_query": {**PRESS, "message": {**MESSAGE, **HALF_SIGN}}}, "UnicodeDecodeError"),
    ],
)
async def test_update_that_cannot_be_read_costs_no_other(
    content: dict[str, Any], error: str, server: TelegramServer, bot: TelegramBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    number = await bot.send(str(CHAT), "title", ((Button("Acknowledge", "a:1:x"),),))
    await server.press(number, "Ack")
    await server.add_update(content)
    await server.write("/status")
    press, unread, words = await bot.read_updates(None, 0)
    assert isinstance(press.content, ChatPress) and isinstance(words.content, ChatWords)
    assert unread == BotUpdate(press.number + 1, None, error) and words.number == unread.number + 1
    assert SAID not in caplog.text
    assert await bot.read_updates(words.number + 1, 0) == []


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (json.dumps({"ok": True, "result": [{"message": SAID}]}), "an update without a number"),
        (json.dumps({"ok": True, "result": SAID}), "an answer without updates"),
        (json.dumps({"ok": True}), "an answer without updates"),
        (json.dumps([SAID]), "an answer without updates"),
    ],
)
async def test_answer_of_no_use_fails_the_read_without_its_words(
    body: str, answer: str, server: TelegramServer, bot: TelegramBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.faults = [Fault(kind="garbage", body=body)]
    with pytest.raises(BotRequestFailed) as caught:
        await bot.read_updates(None, 0)
    assert (caught.value.kind, caught.value.answer) == ("network", answer)
    assert SAID not in caplog.text


async def test_message_that_the_service_no_longer_shows_has_no_text_and_no_topic(
    server: TelegramServer, bot: TelegramBot
) -> None:
    hidden = {"chat": MESSAGE["chat"], "message_id": 9, "date": 0}
    await server.add_update({"callback_query": {**PRESS, "message": hidden}})
    (update,) = await bot.read_updates(None, 0)
    assert isinstance(update.content, ChatPress)
    assert (update.content.message, update.content.text, update.content.topic) == (9, None, None)
