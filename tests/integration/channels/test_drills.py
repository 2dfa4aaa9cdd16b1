"""A drill goes through the real channels, marked as one, and the exchange never hears of it."""

import asyncio
from pathlib import Path

import pytest

from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.intents import read_intents
from tests.support.command import margin_monitor
from tests.support.daemon import daemon_process, read_store, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import Answer, http_sink

LIVE = """
[[rules]]
name = "below-initial"
scope = "cross"
ladder = "level"
when = "margin_level < initial_level"
clear = "margin_level > initial_level * 1.02"
severity = "warning"

[[rules]]
name = "near-call"
scope = "cross"
ladder = "level"
when = "margin_level < (initial_level + margin_call_level) / 2"
clear = "margin_level > initial_level"
severity = "critical"
channels = ["phone"]
escalate = [{ after = "3m", channels = ["call"] }]
actions = ["repay-idle", "top-up"]

[[actions]]
name = "repay-idle"
kind = "repay"
mode = "live"
asset = "USDT"
target = "margin_level >= 2"
max_amount = "50000"
max_per_day = "50000"

[[actions]]
name = "top-up"
kind = "transfer_in"
mode = "live"
asset = "USDT"
source = ["spot"]
target = "margin_level >= 2"
max_amount = "1000"
max_per_day = "1000"
"""


READ_BY_POST = ("/sapi/v3/asset/getUserAsset", "/sapi/v1/asset/get-funding-asset")


def changes(requests: list[ReceivedRequest]) -> list[str]:
    """What was asked of the exchange that changes anything but the keys of streams."""
    asked = [request for request in requests if request.method != "GET" and request.path not in READ_BY_POST]
    return [f"{one.method} {one.path}" for one in asked if "isten" not in one.path]


@pytest.mark.slow
async def test_drill_sends_every_rung_and_triggers_no_action(tmp_path: Path) -> None:
    with http_sink() as phone, http_sink() as call:
        async with sandbox(starting_now()) as box:
            channels = {"phone": phone.url, "call": call.url}
            config = write_config(tmp_path, box.ready, channels=channels, more=LIVE)
            refused = await asyncio.to_thread(margin_monitor, config, "drill", "near-cal")
            assert refused.code == 2 and 'did you mean "near-call"?' in refused.err
            async with daemon_process(config) as child:
                await child.wait_for_line("stream=market connected=True")
                heard_before = len(phone.received), len(call.received)
                said = await asyncio.to_thread(margin_monitor, config, "drill", "near-call", "--json")
                assert said.code == 0, said
                call.default = Answer(503)
                failing = await asyncio.to_thread(margin_monitor, config, "drill", "below-initial", "--author", "ann")
            requests = list(box.sandbox.requests)
        without = await asyncio.to_thread(margin_monitor, config, "drill", "near-call")
    assert heard_before == (0, 0)
    done = said.json()
    assert (done["rule"], done["ok"], done["outcome"]) == ("near-call", True, "carried out")
    walked = [(item["channel"], item["rule"], item["stage"], item["state"]) for item in done["items"]]
    rungs = [step for step in walked if step[1] != "thin"]
    assert rungs == [
        ("phone", "below-initial", "fired", "sent"),
        ("call", "below-initial", "fired", "sent"),
        ("phone", "near-call", "fired", "sent"),
        ("phone", "near-call", "escalated", "sent"),
        ("call", "near-call", "escalated", "sent"),
        ("phone", "near-call", "resolved", "sent"),
        ("call", "near-call", "resolved", "sent"),
    ]
    posted = [one.json() for one in [*phone.received, *call.received]]
    assert all(one["title"].startswith("[DRILL] ") and one["text"].startswith("This is a drill") for one in posted)
    assert {one["id"] for one in posted} == {0}
    # A channel that does not take it makes the drill fail, and is told apart.
    assert failing.code == 1 and "HTTP 503" in failing.out and "told" in failing.out
    assert without.code == 1 and "no daemon runs" in without.err
    # The sandbox saw reads alone, and nothing was recorded that could ever act.
    assert changes(requests) == []
    with read_store(f"sqlite:///{tmp_path}/monitor.db") as store:
        assert store.read(read_intents, include_final=True) == ()
        rules = {row.alert.key.rule for row in store.read(read_alerts, include_closed=True)}
    assert not rules & {"thin", "below-initial", "near-call"}
