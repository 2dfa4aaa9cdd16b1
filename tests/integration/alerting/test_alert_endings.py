"""What ends well: an account that is not watched any more, and a silence or a mute channel across a restart."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.core.model.alert import AlertState, Silence, SilenceMatcher
from monitor.store.command_store import CommandStore
from monitor.store.readers.alerts import read_alerts
from monitor.store.writes.commands import add_silence, expire_silence
from tests.integration.alerting.test_alerting import about, heads, message_lines, wait_for_messages
from tests.support.daemon import eventually, in_process_daemon, read_store, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import Answer, HttpSink, http_sink

LOW = """
[[rules]]
name = "below-initial"
scope = "cross"
ladder = "level"
when = "margin_level < initial_level"
clear = "margin_level > initial_level * 1.02"
severity = "warning"
"""

MUTE = """
[[rules]]
name = "mute"
scope = "monitor"
when = "notifications_failing > 0"
severity = "critical"
repeat = "1h"
"""


@pytest.mark.slow
async def test_open_alerts_of_an_account_that_left_the_configuration_are_gone(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
                await wait_for_messages(sink, "FIRING near-call")
            with read_store(f"sqlite:///{tmp_path}/monitor.db") as store:
                left_open = {row.alert.id for row in store.read(read_alerts)}
            text = config.read_text()
            config.write_text(text.replace('name = "main"', 'name = "other"'))
            async with in_process_daemon(config) as here:
                await here.wait_for_alerts(
                    lambda rows: all(
                        row.alert.state not in (AlertState.FIRING, AlertState.PENDING)
                        for row in rows
                        if row.alert.key.account == "main"
                    )
                )

                async def is_over() -> bool:
                    return "RESOLVED near-call" in heads(about(sink.received))

                await eventually(is_over)
                ended = [row.alert for row in await here.alerts() if row.alert.id in left_open]
    assert ended and all(alert.gone for alert in ended)
    over = next(one for one in about(sink.received) if one["title"].startswith("[RESOLVED]"))
    assert (over["account"], over["gone"]) == ("main", True)


@pytest.mark.slow
async def test_silence_survives_a_restart_and_its_end_notifies_firing_alerts(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
                await wait_for_messages(sink, "FIRING below-initial")
                now = SystemClock().now()
                quiet = Silence(
                    0, (SilenceMatcher("rule", "=", "below-initial"),), now, now + timedelta(hours=2), "me", "known"
                )
                quiet = await here.store.execute(add_silence, quiet)
                await here.wait_for_state(lambda state: any(alert.silenced_by for alert in state.alerts.values()))
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                await here.wait_for_state(
                    lambda state: any(a.silenced_by and not a.unknown_since for a in state.alerts.values())
                )
                assert heads(about(sink.received)) == ["FIRING below-initial"]
                await here.store.execute(expire_silence, quiet.id, SystemClock().now())
                await wait_for_messages(sink, "FIRING below-initial", "REMINDER below-initial")


def silence_notices(sink: HttpSink) -> list[str]:
    """The notices about silences that arrived, in order."""
    received = (request.json() for request in list(sink.received))
    return [message["text"] for message in received if message["reason"] == "notice" and "silence" in message["text"]]


@pytest.mark.slow
async def test_coming_end_and_end_of_a_silence_are_notified_once_each_over_restarts(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/monitor.db"
    with http_sink() as phone, http_sink() as mail:
        async with sandbox(starting_now()) as box:
            sinks = {"phone": phone.url, "mail": mail.url}
            config = write_config(tmp_path, box.ready, channels=sinks)
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
                await wait_for_messages(phone, "FIRING below-initial")
                now = SystemClock().now()
                matchers = (SilenceMatcher("rule", "=", "below-initial"),)
                begun, ends = now - timedelta(minutes=30), now + timedelta(minutes=9)
                quiet = Silence(0, matchers, begun, ends, "anna", "known", channel="mail")
                quiet = await here.store.execute(add_silence, quiet)

                async def is_announced() -> bool:
                    return bool(silence_notices(mail))

                await eventually(is_announced)
            with CommandStore.open(database) as people:
                people.execute(expire_silence, quiet.id, SystemClock().now())

            async def is_notified() -> bool:
                return bool(silence_notices(phone)) and len(silence_notices(mail)) == 2

            async with in_process_daemon(config):
                await eventually(is_notified)
                await wait_for_messages(phone, "FIRING below-initial", "REMINDER below-initial")
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.alerts)
                numbers = [alert.id for alert in here.state().alerts.values() if alert.key.rule == "below-initial"]
    (number,) = numbers
    told, (end,) = silence_notices(mail), silence_notices(phone)
    # Its coming end is for the channel that it came from alone.
    assert told[0].startswith(f'main: silence {quiet.id} by anna ("known") ends in 9m, at ')
    assert end == f'main: silence {quiet.id} by anna ("known") has ended. Still firing: below-initial cross (#{number})'
    assert told[1:] == [end]


@pytest.mark.slow
async def test_failing_channel_is_alerted_once_across_a_restart_and_resolved_when_it_works(tmp_path: Path) -> None:
    with http_sink() as phone, http_sink() as mail:
        async with sandbox(starting_now()) as box:
            sinks = {"phone": phone.url, "mail": mail.url}
            config = write_config(tmp_path, box.ready, channels=sinks, first="default_rules = false", more=LOW + MUTE)
            phone.default = Answer(503)

            async def heard(head: str) -> bool:
                return head in heads(message_lines(mail.received))

            async def tried_anew() -> bool:
                return len(phone.received) > tried

            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
                await eventually(lambda: heard("FIRING mute"))
                tried = len(phone.received)
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                # Beyond a try that fails again.
                await eventually(tried_anew)
                assert {row.alert.key.rule for row in await here.alerts()} == {"mute", "below-initial"}
                phone.default = Answer()
                await eventually(lambda: heard("RESOLVED mute"), 60)
    of_mute = [head for head in heads(message_lines(mail.received)) if head.endswith("mute")]
    assert of_mute == ["FIRING mute", "RESOLVED mute"]
