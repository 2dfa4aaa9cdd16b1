"""A live action that is wanted while its figures can't be read: nothing is sent, and somebody hears why."""

from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from tests.support.daemon import clock_of, daemon_here, eventually, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

REPAY = "/sapi/v1/margin/borrow-repay"
ACT = """
[[rules]]
name = "act"
scope = "cross"
when = "margin_level < initial_level"
severity = "critical"
actions = ["pay"]

[[actions]]
name = "pay"
kind = "repay"
mode = "live"
asset = "USDT"
amount = "50"
max_amount = "100"
max_per_day = "100"
max_data_age = "5s"
"""


@pytest.mark.slow
async def test_an_action_that_waits_for_figures_is_told_with_the_reason(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=ACT)
            async with daemon_here(config, clock_of(box.sandbox)) as here:
                await here.until(lambda state: state.cross and state.bars and state.key and state.prices, 90)
                # What no record holds is read from a history that fails, too: that would be another reason.
                await here.until(lambda state: state.record.open_since is None, 90)
                box.sandbox.add_fault(Fault("status", method="GET", path="/sapi/v1/margin/*", status=503, count=0))
                box.sandbox.hand.set_price("BTCUSDT", Decimal(45_000))
                await eventually(lambda: has_told(sink, "max_data_age is exceeded"), 120)
                assert not any((one.method, one.path) == ("POST", REPAY) for one in box.sandbox.requests)
                (alert,) = (one for key, one in here.state().alerts.items() if key.rule == "cannot-act")
                assert alert.severity == "critical"


async def has_told(sink: HttpSink, why: str) -> bool:
    messages = [one.json() for one in list(sink.received)]
    alerts = [alert for message in messages for alert in message.get("alerts", [message])]
    said = any(alert.get("rule") == "cannot-act" for alert in alerts)
    return said and any(why in str(message["text"]) for message in messages)
