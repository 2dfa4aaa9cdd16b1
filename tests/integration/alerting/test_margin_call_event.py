"""The exchange says that the account is in danger while nothing can be read: that counts, and a restart keeps it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.server import Sandbox
from tests.support.daemon import clock_of, daemon_here, eventually, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

SAID = "the exchange said 1.23 MARGIN_CALL at "


def warn(box: Sandbox) -> None:
    """The risk stream tells what no read does."""
    fields: dict[str, object] = {"l": "1.23", "s": "MARGIN_CALL"}
    now_ms = box.timeline.now_ms()
    box.venue.feed.emit("main", None, "risk", "MARGIN_LEVEL_STATUS_CHANGE", fields, now_ms)


def told(sink: HttpSink, rule: str) -> list[Mapping[str, Any]]:
    """What the channel was told of the rule."""
    messages = [one.json() for one in list(sink.received)]
    alerts = [alert for message in messages for alert in message.get("alerts", [message])]
    return [alert for alert in alerts if alert.get("rule") == rule]


@pytest.mark.slow
async def test_a_notice_is_the_level_while_every_read_hangs_and_after_a_restart(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            clock = clock_of(box.sandbox)
            async with daemon_here(config, clock) as here:
                await here.until(lambda state: state.cross and state.bars and state.prices, 60)
                await here.until(lambda state: "risk" in state.streams and state.streams["risk"].connected, 60)
                box.sandbox.add_fault(Fault("hang", count=0))
                warn(box.sandbox)
                await eventually(lambda: is_told(sink, "margin-call"), 60)
                alert = told(sink, "margin-call")[0]
                assert alert["severity"] == "critical"
                texts = [one.json()["text"] for one in list(sink.received)]
                assert any("margin level 1.23" in text and SAID in text for text in texts), texts
                await eventually(lambda: is_told(sink, "blind"), 60)
                await here.until_stored(lambda found: found["cross"]["notice"], 60)
            async with daemon_here(config, clock) as here:
                await here.until(lambda state: state.picture.notice, 60)
                state = here.state()
                assert state.cross is None
                assert state.picture.notice is not None
                assert (str(state.picture.notice.level), state.picture.notice.status) == ("1.23", "MARGIN_CALL")
                document = await here.until_stored(lambda found: found["cross"]["margin_level"], 60)
                assert document["cross"]["margin_level"] == "1.23"


async def is_told(sink: HttpSink, rule: str) -> bool:
    return bool(told(sink, rule))
