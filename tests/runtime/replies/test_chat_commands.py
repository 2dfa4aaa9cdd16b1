"""Words of a chat: what is a command, what it is about, and who may give it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.errors import CommandRefused, UsageError
from monitor.runtime.replies.answered_chats import AnsweredChat
from monitor.runtime.replies.chat_commands import (
    ChatCommand,
    check_allowed,
    help_text,
    parse_chat_command,
    parse_subject,
)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/status", ChatCommand("status", "")),
        ("/Stress@my_bot  20% ", ChatCommand("stress", "20%", "my_bot")),
        (" /silence 17 2h", ChatCommand("silence", "17 2h")),
        ("status", None),
        ("/", None),
        ("hello /status", None),
    ],
)
def test_command_begins_with_a_slash(text: str, command: ChatCommand | None) -> None:
    assert parse_chat_command(text) == command


def test_command_needs_its_permission() -> None:
    chat = AnsweredChat("phone", "42", None, frozenset({"status"}), frozenset({7}))
    check_allowed("stress", chat)
    with pytest.raises(CommandRefused, match='/pause is not allowed here; add "pause" to allow'):
        check_allowed("pause", chat)
    with pytest.raises(CommandRefused, match="/pause: not done, since it is not known which channel this is"):
        check_allowed("pause", replace(chat, is_certain=False))
    with pytest.raises(UsageError, match="there is no command /resume"):
        check_allowed("resume", chat)
    assert help_text({"ack"}).splitlines()[0].startswith("/ack 17")


@pytest.mark.parametrize(
    ("argument", "answered", "expected"),
    [
        ("17", (), ([17], timedelta(hours=1))),
        ("#17 18 30m", (5,), ([17, 18], timedelta(minutes=30))),
        ("2h", (6, 5), ([5, 6], timedelta(hours=2))),
        ("", (5,), ([5], timedelta(hours=1))),
    ],
)
def test_subject_is_named_or_that_of_the_answered_message(
    argument: str, answered: tuple[int, ...], expected: tuple[list[int], timedelta]
) -> None:
    assert parse_subject(argument, answered) == expected


@pytest.mark.parametrize("argument", ["", "2h", "17 forever", "17 31d", "17 0s"])
def test_subject_that_is_missing_or_lasts_too_long_is_refused(argument: str) -> None:
    with pytest.raises(UsageError):
        parse_subject(argument, ())
