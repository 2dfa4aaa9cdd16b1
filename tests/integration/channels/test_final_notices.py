"""A daemon that ends by itself says so on its channels first, once, whatever ended it."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from monitor.cli.commands.run import run_daemon
from monitor.clock import SystemClock
from monitor.config.loading import load_config
from monitor.sandbox.scenario.scenario import hmac_key
from tests.support.daemon import daemon_process, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

MISTAKES = """
[[channels]]
name = "odd"
webhook = 5

[[rules]]
name = "x"
scope = "cross"
when = "margin_lvl < 2"
"""
ENDS = "margin-monitor ends and watches no more"


def final_notices(sink: HttpSink) -> list[str]:
    return [text for one in sink.received if ENDS in (text := str(one.json()["text"]))]


async def exit_codes(config: Path, starts: int = 2) -> list[int]:
    """The exit codes of so many starts in a row."""
    found = []
    for _ in range(starts):
        async with daemon_process(config, environ={"STATE_DIRECTORY": str(config.parent)}) as child:
            found.append(await child.wait_for_exit(60))
    return found


async def test_refused_key_is_notified_on_every_channel_once(tmp_path: Path) -> None:
    with http_sink() as phone, http_sink() as mail:
        async with sandbox(starting_now()) as box:
            account = {**box.ready.accounts[0], "api_secret": hmac_key("somebody else").api_secret}
            channels = {"phone": phone.url, "mail": mail.url}
            config = write_config(tmp_path, replace(box.ready, accounts=(account,)), channels=channels)
            assert await exit_codes(config) == [77, 77]
    for sink in (phone, mail):
        (said,) = final_notices(sink)
        assert "the exchange refuses the key" in said
        assert account["api_secret"] not in said


async def test_missing_secret_is_notified_on_working_channels(tmp_path: Path) -> None:
    with http_sink() as phone:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"broken": "file:none.txt", "phone": phone.url})
            secret = box.ready.accounts[0]["api_secret"]
            config.write_text(config.read_text().replace(f'"{secret}"', '"file:away.txt"'))
            assert await exit_codes(config, starts=1) == [78]
    (said,) = final_notices(phone)
    assert "away.txt" in said


async def test_configuration_error_is_notified_on_configured_channels(tmp_path: Path) -> None:
    with http_sink() as phone:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": phone.url}, more=MISTAKES)
            assert await exit_codes(config, starts=1) == [78]
    (said,) = final_notices(phone)
    assert "config.toml" in said


class BrokenClock(SystemClock):
    """A clock with a fault that nobody thought of."""

    def now(self) -> datetime:
        raise RuntimeError("no time")


async def test_internal_error_is_notified(tmp_path: Path) -> None:
    with http_sink() as phone:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": phone.url})
            with pytest.raises(RuntimeError, match="no time"):
                await run_daemon(load_config(config, {"STATE_DIRECTORY": str(tmp_path)}), BrokenClock())
    (said,) = final_notices(phone)
    assert "an error of its own (RuntimeError)" in said
