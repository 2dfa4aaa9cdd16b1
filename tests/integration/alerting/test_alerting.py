"""Alerts from a falling price to a person's phone, through the real daemon and a real HTTP receiver."""

import signal
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.core.model.alert import AlertState
from monitor.records.alerts import AlertRow
from monitor.sandbox.server import Sandbox
from monitor.store.command_store import ReadStore
from monitor.store.readers.alerts import read_alerts
from tests.support.daemon import clock_of, daemon_process, eventually, in_process_daemon, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import Answer, HttpSink, Received, http_sink

# The calm account: 20,000 USDT and 1.5 BTC against 30,000 USDT and 10 ETH at 3,000: level (20000 + 1.5 BTC) / 60000.
# initial 1.5 (BTC 46,666), halfway 1.4 (42,666), call 1.3 (38,666), 1.2 (34,666), liquidation 1.1 (30,666).
LEVELS = {"below-initial": "45000", "near-call": "41000", "margin-call": "38000", "liquidation-near": "34000"}


ReceivedLine = dict[str, Any]
"""What was said of one alert."""


def message_lines(received: Sequence[Received]) -> list[ReceivedLine]:
    """What was said of each alert, also of those that came together; notices are about none."""
    return [alert for one in received for alert in one.json().get("alerts", [one.json()]) if "rule" in alert]


def titles(received: Sequence[Received]) -> list[str]:
    return [str(one["title"]) for one in message_lines(received)]


def heads(alerts: Sequence[ReceivedLine]) -> list[str]:
    """The first word of each title with the rule: `FIRING near-call`."""
    return [f"{alert['title'].split(']')[0].strip('[')} {alert['rule']}" for alert in alerts]


def about(received: Sequence[Received], rules: Sequence[str] = tuple(LEVELS)) -> list[ReceivedLine]:
    return [one for one in message_lines(received) if one["rule"] in rules and one["scope"] == "cross"]


async def wait_for_messages(sink: HttpSink, *expected: str, within_s: float = 20) -> None:
    """Returns once the sink has heard exactly this of the ladder's rungs, in this order."""

    async def is_told() -> bool:
        return heads(about(sink.received)) == list(expected)

    await eventually(is_told, within_s, story=lambda: str(titles(sink.received)))


def set_price(box: Sandbox, btc: str) -> None:
    box.user_actions.set_price("BTCUSDT", Decimal(btc))


async def test_a_fall_fires_the_rungs_in_order_and_recovery_resolves_them(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                expected: list[str] = []
                for rule, btc in LEVELS.items():
                    set_price(box.sandbox, btc)
                    expected.append(f"FIRING {rule}")
                    await wait_for_messages(sink, *expected)
                set_price(box.sandbox, "60000")

                async def all_over() -> bool:
                    return len(about(sink.received)) == 8

                await eventually(all_over, story=lambda: str(titles(sink.received)))
            alerts = [row.alert for row in await alerts_in(tmp_path)]
    assert heads(about(sink.received))[:4] == expected
    assert sorted(heads(about(sink.received))[4:]) == sorted(f"RESOLVED {rule}" for rule in LEVELS)
    first, numbers = about(sink.received)[0]["title"], {alert.key.rule: alert.id for alert in alerts}
    # (20000 + 1.5 × 45000) / 60000 = 1.4583: shown never better than it is
    assert first == f"[FIRING] warning main cross: margin level 1.45 (#{numbers['below-initial']})"
    call = next(one for one in about(sink.received) if one["rule"] == "margin-call")
    # (20000 + 1.5 × 38000) / 60000
    assert call["title"] == f"[FIRING] critical main cross: margin level 1.28 (#{numbers['margin-call']})"
    assert (call["severity"], call["account"], call["reason"]) == ("critical", "main", "fired")


async def test_fall_through_several_rungs_sends_the_worst_first(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                set_price(box.sandbox, LEVELS["near-call"])
                await wait_for_messages(sink, "FIRING near-call")
            alerts = {row.alert.key.rule: row.alert for row in await alerts_in(tmp_path)}
    first, milder = alerts["near-call"].fired_at, alerts["below-initial"].fired_at
    assert first is not None
    assert milder is not None
    assert first <= milder


async def alerts_in(folder: Path) -> tuple[AlertRow, ...]:
    with ReadStore.open(f"sqlite:///{folder}/monitor.db") as store:
        return store.read(read_alerts, include_closed=True, account=None)


async def test_full_repayment_resolves_the_alert(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                set_price(box.sandbox, "41000")
                await wait_for_messages(sink, "FIRING near-call")
                hand = box.sandbox.user_actions
                hand.deposit("main", "USDT", Decimal(10_000), "cross")
                hand.repay("main", "USDT", Decimal(30_000))
                hand.deposit("main", "ETH", Decimal(10), "cross")
                hand.repay("main", "ETH", Decimal(10))
                await eventually(lambda: is_resolved(sink, "near-call"), story=lambda: str(titles(sink.received)))


async def is_resolved(sink: HttpSink, rule: str) -> bool:
    return f"RESOLVED {rule}" in heads(about(sink.received))


@pytest.mark.parametrize("end", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
@pytest.mark.slow
async def test_restart_neither_repeats_nor_loses_messages(tmp_path: Path, end: signal.Signals) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with daemon_process(config) as child:
                await child.wait_for_line("stream=market connected=True")
                set_price(box.sandbox, "45000")
                await wait_for_messages(sink, "FIRING below-initial")
                await eventually(lambda: recorded_notified_states(tmp_path))
                await child.stop(end)
            async with daemon_process(config) as child:
                await child.wait_for_line("stream=market connected=True")
                # A milder thing would be said after it: whatever the restart wanted to repeat came before this.
                set_price(box.sandbox, "41000")
                await wait_for_messages(sink, "FIRING below-initial", "FIRING near-call")
                await eventually(lambda: recorded_notified_states(tmp_path))
                await child.stop(end)
            set_price(box.sandbox, "60000")
            async with daemon_process(config) as child:
                await child.wait_for_line("stream=market connected=True")

                async def over() -> bool:
                    return len(about(sink.received)) == 4

                await eventually(over, story=lambda: str(titles(sink.received)))
                assert await child.stop() == 0
        alerts = [row.alert for row in await alerts_in(tmp_path) if row.alert.key.rule in LEVELS]
    assert sorted(heads(about(sink.received))[2:]) == ["RESOLVED below-initial", "RESOLVED near-call"]
    assert {alert.state for alert in alerts} == {AlertState.RESOLVED}


async def recorded_notified_states(folder: Path) -> bool:
    """Whether no delivery waits to be marked as sent, or as one that holds nothing new."""
    rows = await alerts_in(folder)
    return all(delivery.state != "queued" for row in rows for delivery in row.deliveries)


async def test_channel_after_an_outage_gets_the_current_state_once(tmp_path: Path) -> None:
    with http_sink() as sink:
        sink.default = Answer(503)
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                set_price(box.sandbox, "45000")
                await eventually(lambda: tried(sink, "below-initial"))
                set_price(box.sandbox, "60000")
                await here.wait_for_state(lambda state: all(key.rule not in LEVELS for key in state.alerts))
                set_price(box.sandbox, "41000")
                await eventually(lambda: tried(sink, "near-call"))
                before = len(sink.received)
                sink.default = Answer()
                await here.wait_for_alerts(no_delivery_is_queued, 30)
                heard = about(sink.received[before:])
    assert heads(heard) == ["FIRING near-call"]


async def tried(sink: HttpSink, rule: str) -> bool:
    return bool(about(sink.received, [rule]))


def no_delivery_is_queued(rows: Sequence[AlertRow]) -> bool:
    return all(delivery.state != "queued" for row in rows for delivery in row.deliveries)


@pytest.mark.slow
async def test_hanging_channel_delays_no_other_channel(tmp_path: Path) -> None:
    with http_sink() as hanging, http_sink() as phone:
        hanging.default = Answer(hang=True)
        async with sandbox() as box:
            channels = {"hangs": hanging.url, "phone": phone.url}
            config = write_config(tmp_path, box.ready, channels=channels)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                set_price(box.sandbox, "45000")
                await eventually(lambda: tried(hanging, "below-initial"), 60)
                set_price(box.sandbox, "41000")
                await wait_for_messages(phone, "FIRING below-initial", "FIRING near-call", within_s=5)
                assert heads(about(hanging.received)) == ["FIRING below-initial"]
