"""The exchange says that the account is in danger while nothing can be read: that counts, and a restart keeps it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.server import Sandbox
from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

SAID = "the exchange said 1.23 MARGIN_CALL at "


def send_margin_call(box: Sandbox) -> None:
    """The risk stream tells what no read does."""
    fields: dict[str, object] = {"l": "1.23", "s": "MARGIN_CALL"}
    now_ms = box.timeline.now_ms()
    box.venue.feed.emit("main", None, "risk", "MARGIN_LEVEL_STATUS_CHANGE", fields, now_ms)


def alerts_received(sink: HttpSink, rule: str) -> list[Mapping[str, Any]]:
    """What the channel was told of the rule."""
    messages = [one.json() for one in list(sink.received)]
    alerts = [alert for message in messages for alert in message.get("alerts", [message])]
    return [alert for alert in alerts if alert.get("rule") == rule]


@pytest.mark.slow
async def test_margin_call_is_the_level_while_reads_hang_and_after_a_restart(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            clock = clock_of(box.sandbox)
            async with in_process_daemon(config, clock) as here:
                await here.wait_for_state(
                    lambda state: state.cross and state.thresholds.cross and state.prices.newest, 60
                )
                await here.wait_for_state(lambda state: "risk" in state.streams and state.streams["risk"].connected, 60)
                box.sandbox.add_fault(Fault("hang", count=0))
                send_margin_call(box.sandbox)
                await eventually(lambda: is_alert_received(sink, "margin-call"), 60)
                alert = alerts_received(sink, "margin-call")[0]
                assert alert["severity"] == "critical"
                texts = [one.json()["text"] for one in list(sink.received)]
                assert any("margin level 1.23" in text and SAID in text for text in texts), texts
                await eventually(lambda: is_alert_received(sink, "blind"), 60)
                await here.wait_for_document(lambda found: found["cross"]["notice"], 60)
            async with in_process_daemon(config, clock) as here:
                await here.wait_for_state(lambda state: state.live_balances.notice, 60)
                state = here.state()
                assert state.cross is None
                assert state.live_balances.notice is not None
                assert (str(state.live_balances.notice.level), state.live_balances.notice.status) == (
                    "1.23",
                    "MARGIN_CALL",
                )
                document = await here.wait_for_document(lambda found: found["cross"]["margin_level"], 60)
                assert document["cross"]["margin_level"] == "1.23"


async def is_alert_received(sink: HttpSink, rule: str) -> bool:
    return bool(alerts_received(sink, rule))
