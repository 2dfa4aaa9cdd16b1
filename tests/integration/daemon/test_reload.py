"""A reload that is refused, or does not stand: the old configuration goes on, and every channel hears of it."""

import asyncio
import signal
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.cli.daemon.daemon_supervisor import DaemonSupervisor
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import hmac_key
from tests.integration.accounts.test_account_isolation import OTHER
from tests.support.daemon import clock_of, daemon_process, eventually, in_process_run, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

STARTED = "stream=market connected=True"
TIME = "/api/v3/time"
CROSS = "/sapi/v1/margin/account"
TWO = replace(calm_scenario(), accounts=(*calm_scenario().accounts, OTHER))


def says(sink: HttpSink, words: str) -> str:
    """The first text with these words, once it came."""
    received = sink.wait_for(lambda got: any(words in str(one.json()["text"]) for one in got), 60)
    return next(text for one in received if words in (text := str(one.json()["text"])))


@pytest.mark.slow
async def test_refused_reload_is_notified_on_every_channel(tmp_path: Path) -> None:
    with http_sink() as phone, http_sink() as mail:
        async with sandbox(starting_now(TWO)) as box:
            channels = {"phone": phone.url, "mail": mail.url}
            main, other = box.ready.accounts
            config = write_config(tmp_path, replace(box.ready, accounts=(main,)), channels=channels)
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED)
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
                assert await child.stop() == 0


@pytest.mark.slow
async def test_configuration_that_crashes_an_account_is_rolled_back_with_a_notice(tmp_path: Path) -> None:
    with http_sink() as phone, http_sink() as mail:
        async with sandbox(starting_now(TWO)) as box:
            channels = {"phone": phone.url, "mail": mail.url}
            main, other = box.ready.accounts
            config = write_config(tmp_path, replace(box.ready, accounts=(main,)), channels=channels)
            secret = tmp_path / "secret.txt"
            secret.write_text(other["api_secret"])
            secret.chmod(0o600)
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED)
                named = {**other, "api_secret": "file:secret.txt"}
                write_config(tmp_path, replace(box.ready, accounts=(main, named)), channels=channels)
                config.write_text(config.read_text().replace('request_timeout = "1s"', 'request_timeout = "30s"'))
                # Its secret goes when it was looked at, and before it is used: while the new daemon asks for the time.
                box.sandbox.add_fault(Fault("delay", path=TIME, count=0, seconds=6))
                child.send(signal.SIGHUP)
                await child.wait_for_line("daemon.stopped", 60)
                secret.unlink()
                box.sandbox.clear_faults()
                for sink in (phone, mail):
                    text = await asyncio.to_thread(says, sink, "did not stand, the old one is back")
                    assert "account other is down" in text
                    assert "secret.txt" in text
                await child.wait_for_line(STARTED, times=2)
                assert "config.reloaded" not in child.text

                # The old configuration is the one that holds: the next reload compares with it.
                secret.write_text(other["api_secret"])
                secret.chmod(0o600)
                child.send(signal.SIGHUP)
                await child.wait_for_line("config.reloaded")
                assert await child.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(360)
async def test_reload_during_an_outage_is_rolled_back_after_a_minute_with_a_notice(tmp_path: Path) -> None:
    with http_sink() as phone, http_sink() as mail:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": phone.url, "mail": mail.url})
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED)
                # The exchange answers nothing while the new configuration, on which only the mail is left, is taken on.
                box.sandbox.add_fault(Fault("status", count=0, status=503))
                write_config(tmp_path, box.ready, channels={"mail": mail.url})
                child.send(signal.SIGHUP)
                for sink in (phone, mail):
                    text = await asyncio.to_thread(says, sink, "did not stand, the old one is back")
                    assert "not everything was read within 60 s (accounts: main)" in text
                assert "config.reloaded" not in child.text
                # Meanwhile nobody was left to think that the account is watched.
                await asyncio.to_thread(says, mail, "data_age > max(10s")

                # What is back watches, and tells the channel that the other configuration does not have.
                box.sandbox.clear_faults()
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
                await asyncio.to_thread(says, phone, "Rule near-call: ")
                # It is what a reload compares with, which the exchange now lets stand.
                child.send(signal.SIGHUP)
                await child.wait_for_line("config.reloaded", 60)
                assert await child.stop() == 0


@pytest.mark.slow
async def test_last_working_configuration_returns_after_two_failures(tmp_path: Path) -> None:
    with http_sink() as phone:
        async with sandbox(TWO) as box:
            main, other = box.ready.accounts

            def write(*accounts: dict[str, str]) -> Path:
                config = write_config(tmp_path, replace(box.ready, accounts=accounts), channels={"phone": phone.url})
                config.write_text(config.read_text().replace('request_timeout = "1s"', 'request_timeout = "30s"'))
                return config

            async with in_process_run(write(main), clock_of(box.sandbox)) as turn:
                await eventually(lambda: has_stood(turn), 30)
                # Without it a daemon needs seconds until it stands, which the second reload comes in time for.
                box.sandbox.add_fault(Fault("hang", path=CROSS, count=0))
                for name in ("one.txt", "two.txt"):
                    secret = tmp_path / name
                    secret.write_text(other["api_secret"])
                    secret.chmod(0o600)
                    write(main, {**other, "api_secret": f"file:{name}"})
                    before = turn.config
                    turn.reload()
                    async with asyncio.timeout(30):
                        while turn.config is before:  # noqa: ASYNC110 – nobody says when, and it has to be at once
                            await asyncio.sleep(0)
                    # It was looked at, and was not used yet.
                    secret.unlink()
                text = await asyncio.to_thread(says, phone, "did not stand, the old one is back")
                assert "two.txt" in text
                assert [account.name for account in turn.config.accounts] == ["main"]


async def has_stood(turn: DaemonSupervisor) -> bool:
    return turn.daemon is not None and turn.daemon.is_ready
