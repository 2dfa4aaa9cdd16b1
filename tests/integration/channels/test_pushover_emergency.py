"""A critical alert on Pushover rings until somebody has it: pressed there, it is quiet on every channel."""

import asyncio
import signal
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.core.model.alert import Alert
from monitor.records.alerts import AlertRow
from monitor.store.command_store import CommandStore
from monitor.store.readers.alerts import read_alerts
from monitor.store.writes.commands import acknowledge
from tests.support.command import margin_monitor
from tests.support.daemon import daemon_process, eventually, in_process_daemon, read_store, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.services.pushover import TOKEN, USER, Fault, PushoverServer, pushover_server
from tests.support.sinks import HttpSink, http_sink

RULES = """
[[rules]]
name = "low"
scope = "cross"
when = "margin_level < initial_level"
severity = "critical"
repeat = "1s"

[[channels]]
name = "phone"
url = "pover://{user}@{token}?interval=30&expire=600"

[[replies]]
channel = "phone"
api_url = "{api_url}"
"""


MUTE = """
[[rules]]
name = "mute"
scope = "monitor"
when = "notifications_failing > 0"
severity = "critical"
"""


def config_of(folder: Path, ready: object, server: PushoverServer, hook: HttpSink) -> Path:
    more = RULES.format(user=USER, token=TOKEN, api_url=server.url)
    channels = {"mail": hook.url}
    return write_config(folder, ready, channels=channels, first="default_rules = false", more=more)  # type: ignore[arg-type]


def alert_of(folder: Path) -> Alert:
    with read_store(f"sqlite:///{folder}/monitor.db") as store:
        rows: tuple[AlertRow, ...] = store.read(read_alerts)
    return rows[0].alert


def stored_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("monitor.db*"))


def told(hook: HttpSink, rule: str, reason: str) -> bool:
    """Whether the channel was sent this of an alert of this rule."""
    documents = [request.json() for request in list(hook.received)]
    return any(one["rule"] == rule for d in documents if d["reason"] == reason for one in d.get("alerts", [d]))


def reminders(hook: HttpSink) -> int:
    return sum(request.json()["reason"] == "reminded" for request in list(hook.received))


async def until(claim: Callable[[], object], within_s: float = 30) -> None:
    async def holds() -> bool:
        return bool(claim())

    await eventually(holds, within_s)


@pytest.mark.slow
async def test_press_on_pushover_is_quiet_on_every_channel(tmp_path: Path) -> None:
    with pushover_server() as server, http_sink() as hook:
        async with sandbox(starting_now()) as box:
            config = config_of(tmp_path, box.ready, server, hook)
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
                await until(lambda: server.emergencies and reminders(hook) >= 2)
                server.press(server.emergencies[0])
                await here.wait_for_state(lambda state: any(alert.acked_at for alert in state.alerts.values()))
                heard = reminders(hook)
                with pytest.raises(AssertionError):
                    await asyncio.to_thread(hook.wait_for, lambda _: reminders(hook) > heard, 3)
                alert = alert_of(tmp_path)
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(60_000))
                await until(lambda: "[RESOLVED]" in server.messages[-1]["title"])
    assert alert.acked_by == "pushover:annas-phone"
    # It rang once, by itself again and again; the reminders of every second made no second emergency.
    assert len(server.emergencies) == 1
    assert {sent["priority"] for sent in server.messages[1:]} == {"0"}
    assert (server.emergencies[0].fields["retry"], server.emergencies[0].fields["expire"]) == ("30", "600")


@pytest.mark.slow
async def test_acknowledgement_elsewhere_ends_the_emergency_also_while_no_daemon_ran(tmp_path: Path) -> None:
    with pushover_server() as server, http_sink() as hook:
        async with sandbox(starting_now()) as box:
            config = config_of(tmp_path, box.ready, server, hook)
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
                await until(lambda: server.emergencies)
                await here.wait_for_alerts(lambda rows: any(d.state == "sent" for row in rows for d in row.deliveries))
            assert len(server.ringing) == 1
            with CommandStore.open(f"sqlite:///{tmp_path}/monitor.db") as people:
                people.execute(acknowledge, alert_of(tmp_path).id, "bob", "mine", SystemClock().now())
            async with in_process_daemon(config):
                await until(lambda: not server.ringing)
    assert server.emergencies[0].is_cancelled and len(server.emergencies) == 1


@pytest.mark.slow
async def test_daemon_killed_before_it_knew_the_receipt_rings_again_and_once(tmp_path: Path) -> None:
    with pushover_server() as server, http_sink() as hook:
        async with sandbox(starting_now()) as box:
            config = config_of(tmp_path, box.ready, server, hook)
            server.faults = [Fault("/1/messages.json", hang=True, carried_out=True)]
            async with daemon_process(config) as child:
                await child.wait_for_line("stream=market connected=True")
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
                await asyncio.to_thread(server.wait_for, lambda state: state.emergencies, 60)
                assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            async with daemon_process(config) as child:
                await asyncio.to_thread(server.wait_for, lambda state: len(state.emergencies) == 2, 60)
                (ringing,) = server.ringing
                assert ringing is server.emergencies[1]
                server.press(ringing)
                await until(lambda: alert_of(tmp_path).acked_by == "pushover:annas-phone")
                assert await child.stop() == 0
                log = child.text
    assert len(server.emergencies) == 2
    assert TOKEN not in log and USER not in log
    content = stored_bytes(tmp_path)
    assert TOKEN.encode() not in content and USER.encode() not in content


@pytest.mark.slow
async def test_refused_token_is_loud_until_it_works_again_and_no_press_is_lost(tmp_path: Path) -> None:
    with pushover_server() as server, http_sink() as hook:
        async with sandbox(starting_now()) as box:
            config = config_of(tmp_path, box.ready, server, hook)
            config.write_text(config.read_text() + MUTE)
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
                await until(lambda: server.emergencies)
                await here.wait_for_alerts(lambda rows: any(d.state == "sent" for row in rows for d in row.deliveries))

                # Somebody has made a new token: nothing is sent there any more, and no press is read.
                server.token = "revoked"
                server.press(server.emergencies[0])
                await until(lambda: told(hook, "mute", "fired"), 60)
                assert "token" in here.daemon.channel_problems["phone"]
                assert not any(alert.acked_at for alert in here.state().alerts.values())
                server.token = TOKEN
                await here.wait_for_state(lambda state: any(alert.acked_at for alert in state.alerts.values()), 60)
                await until(lambda: told(hook, "mute", "resolved"), 60)
    assert alert_of(tmp_path).acked_by == "pushover:annas-phone"
    assert all(TOKEN not in request.body.decode() for request in hook.received)


@pytest.mark.slow
async def test_drill_rings_and_stops_and_a_dead_service_is_loud(tmp_path: Path) -> None:
    with pushover_server() as server, http_sink() as hook:
        async with sandbox(starting_now()) as box:
            config = config_of(tmp_path, box.ready, server, hook)
            checked = await asyncio.to_thread(margin_monitor, config, "check", "--json")
            tested = await asyncio.to_thread(margin_monitor, config, "notify", "test", "phone", "--json")
            async with daemon_process(config) as child:
                await child.wait_for_line("stream=market connected=True")
                said = await asyncio.to_thread(margin_monitor, config, "drill", "low", "--json")
                await until(lambda: server.emergencies and not server.ringing)
                assert await child.stop() == 0
    assert said.code == 0, said
    (drill,) = server.emergencies
    assert drill.fields["title"].startswith("[DRILL] critical")
    rows = {item["name"]: item for item in checked.json()["items"]}
    assert rows["channel:phone"]["result"] == "ok"
    assert tested.json()["items"][0]["ok"]
    assert any("test message" in sent["title"] for sent in server.messages)
