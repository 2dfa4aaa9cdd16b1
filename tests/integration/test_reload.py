"""A reload that is refused, or does not stand: the old configuration goes on, and every channel hears of it."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario import hmac_key
from monitor.sandbox.scenarios import calm
from tests.integration.test_bulkheads import OTHER
from tests.support.daemon import daemon_process, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

UP = "stream=market connected=True"
TIME = "/api/v3/time"
TWO = replace(calm(), accounts=(*calm().accounts, OTHER))


def says(sink: HttpSink, words: str) -> str:
    """The first text with these words, once it came."""
    received = sink.wait_for(lambda got: any(words in str(one.json()["text"]) for one in got), 60)
    return next(text for one in received if words in (text := str(one.json()["text"])))


@pytest.mark.slow
async def test_a_refused_reload_is_told_on_every_channel(tmp_path: Path) -> None:
    with http_sink() as phone, http_sink() as mail:
        async with sandbox(starting_now(TWO)) as box:
            channels = {"phone": phone.url, "mail": mail.url}
            main, other = box.ready.accounts
            config = write_config(tmp_path, replace(box.ready, accounts=(main,)), channels=channels)
            async with daemon_process(config) as child:
                await child.until_line(UP)
                good = config.read_text()
                config.write_text(good + "\n[nonsense]\n")
                child.send(signal.SIGHUP)
                for sink in (phone, mail):
                    assert "nonsense" in await asyncio.to_thread(says, sink, "The new configuration was refused")

                wrong = {**other, "api_secret": hmac_key("somebody else").api_secret}
                write_config(tmp_path, replace(box.ready, accounts=(main, wrong)), channels=channels)
                child.send(signal.SIGHUP)
                for sink in (phone, mail):
                    assert 'accounts "other"' in await asyncio.to_thread(says, sink, "the exchange refuses the key")
                assert wrong["api_secret"] not in child.text
                assert "daemon.stopped" not in child.text, "the old one is meant to go on undisturbed"
                assert await child.end() == 0


@pytest.mark.slow
async def test_a_configuration_on_which_an_account_falls_is_taken_back_and_told(tmp_path: Path) -> None:
    with http_sink() as phone, http_sink() as mail:
        async with sandbox(starting_now(TWO)) as box:
            channels = {"phone": phone.url, "mail": mail.url}
            main, other = box.ready.accounts
            config = write_config(tmp_path, replace(box.ready, accounts=(main,)), channels=channels)
            secret = tmp_path / "secret.txt"
            secret.write_text(other["api_secret"])
            secret.chmod(0o600)
            async with daemon_process(config) as child:
                await child.until_line(UP)
                named = {**other, "api_secret": "file:secret.txt"}
                write_config(tmp_path, replace(box.ready, accounts=(main, named)), channels=channels)
                config.write_text(config.read_text().replace('request_timeout = "1s"', 'request_timeout = "30s"'))
                # Its secret goes when it was looked at, and before it is used: while the new daemon asks for the time.
                box.sandbox.add_fault(Fault("delay", path=TIME, count=0, seconds=6))
                child.send(signal.SIGHUP)
                await child.until_line("daemon.stopped", 60)
                secret.unlink()
                box.sandbox.clear_faults()
                for sink in (phone, mail):
                    text = await asyncio.to_thread(says, sink, "did not stand, the old one is back")
                    assert "account other is down" in text
                    assert "secret.txt" in text
                await child.until_line(UP, times=2)
                assert "config.reloaded" not in child.text

                # The old configuration is the one that holds: the next reload compares with it.
                secret.write_text(other["api_secret"])
                secret.chmod(0o600)
                child.send(signal.SIGHUP)
                await child.until_line("config.reloaded")
                assert await child.end() == 0
