"""A live action that is wanted while its figures can't be read: nothing is sent, and people learn the reason."""

from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.money_actions import REPAY_BELOW_INITIAL, REPAY_PATH
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

ACTION = REPAY_BELOW_INITIAL + 'max_data_age = "5s"\n'


@pytest.mark.slow
async def test_action_waiting_for_data_is_notified_with_the_reason(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=ACTION)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(
                    lambda state: (
                        state.cross and state.thresholds.cross and state.keys.permissions and state.prices.newest
                    ),
                    90,
                )
                # What no record holds is read from a history that fails, too: that would be another reason.
                await here.wait_for_state(lambda state: state.record_coverage.gap_since is None, 90)
                box.sandbox.add_fault(Fault("status", method="GET", path="/sapi/v1/margin/*", status=503, count=0))
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
                await eventually(lambda: has_been_notified(sink, "max_data_age is exceeded"), 120)
                assert not any(
                    (request.method, request.path) == ("POST", REPAY_PATH) for request in box.sandbox.requests
                )
                (alert,) = (one for key, one in here.state().alerts.items() if key.rule == "cannot-act")
                assert alert.severity == "critical"


async def has_been_notified(sink: HttpSink, why: str) -> bool:
    messages = [one.json() for one in list(sink.received)]
    alerts = [alert for message in messages for alert in message.get("alerts", [message])]
    said = any(alert.get("rule") == "cannot-act" for alert in alerts)
    return said and any(why in str(message["text"]) for message in messages)
