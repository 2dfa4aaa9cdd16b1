"""The channels of a file with mistakes elsewhere: they report the mistakes, each by the way that it is configured."""

from pathlib import Path

from monitor.config.loading import load_channels
from tests.config.minimal_config import MINIMAL, write_config

CHAT = """
[[channels]]
name = "chat"
url = "tgram://123456789:abcdefghij-KLMN_op/42"

[[replies]]
channel = "chat"
users = [7]
api_url = "http://127.0.0.1:9"
"""
MISTAKE = '[schedule]\ncross = "soon"\n'


def test_channel_keeps_its_replies_whatever_else_is_wrong(tmp_path: Path) -> None:
    found = load_channels(write_config(tmp_path, f"{MINIMAL}{CHAT}{MISTAKE}"), {})
    assert found is not None
    assert [channel.name for channel in found.channels] == ["phone", "chat"]
    assert [(reply.channel, reply.api_url) for reply in found.replies] == [("chat", "http://127.0.0.1:9")]


def test_channel_with_a_mistake_in_its_replies_is_used_without_them(tmp_path: Path) -> None:
    text = f"{MINIMAL}{CHAT.replace('users = [7]', 'users = []')}"
    found = load_channels(write_config(tmp_path, text), {})
    assert found is not None
    assert ([channel.name for channel in found.channels], found.replies) == (["phone", "chat"], ())
