"""Addresses of channels that can be answered: the bot, the chat, and nothing of the token in any error."""

from pathlib import Path

import pytest

from monitor.config.errors import InvalidValue
from monitor.config.loading import load_config
from monitor.config.redaction import redact
from monitor.config.reply_channels import TelegramAddress, find_reply_config, parse_reply_address
from monitor.config.secrets import Secret
from tests.config.minimal_config import MINIMAL, write_config

TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


@pytest.mark.parametrize(
    ("rest", "chat", "topic", "silent"),
    [
        (f"{TOKEN}/42", "42", None, False),
        (f"bot{TOKEN}/42/", "42", None, False),
        (f"{TOKEN.replace(':', '%3A')}/-1001234567890", "-1001234567890", None, False),
        (f"{TOKEN}/@my_channel", "@my_channel", None, False),
        (f"{TOKEN}/-100123:7", "-100123", 7, False),
        (f"{TOKEN}/-100123?topic=7&silent=yes", "-100123", 7, True),
        (f"{TOKEN}/?to=42", "42", None, False),
    ],
)
def test_telegram_address_has_a_bot_and_one_chat(rest: str, chat: str, topic: int | None, silent: bool) -> None:
    assert parse_reply_address(f"tgram://{rest}") == TelegramAddress(Secret(TOKEN), 123456789, chat, topic, silent)


@pytest.mark.parametrize("rest", ["42", f"{TOKEN}", f"{TOKEN}/1/2", f"{TOKEN}/a b", f"{TOKEN}/1?topic=x", "/42"])
def test_impossible_telegram_address_is_refused_without_its_token(rest: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_reply_address(f"tgram://{rest}")
    assert "AAEhBO" not in caught.value.message + caught.value.mend


def test_token_is_redacted_wherever_it_appears() -> None:
    parse_reply_address(f"tgram://{TOKEN}/42")
    assert TOKEN not in redact(f"POST https://api.telegram.org/bot{TOKEN}/getUpdates failed")


def test_replies_have_harmless_defaults(tmp_path: Path) -> None:
    more = '[[channels]]\nname = "chat"\nurl = "env:CHAT"\n[[replies]]\nchannel = "chat"\n'
    config = load_config(write_config(tmp_path, f"{MINIMAL}\n{more}"), {})
    reply = find_reply_config(config, "chat")
    assert reply is not None
    assert (reply.allow, reply.users, reply.api_url) == (("ack", "silence", "status"), (), "")
    assert find_reply_config(config, "phone") is None
