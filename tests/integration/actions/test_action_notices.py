"""What a person's phone hears of money actions, through the real daemon and a real HTTP receiver."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiInterpretations
from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.money_actions import REPAY_PATH, money_requests, repay_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

SPEED = 20.0
REFUSED = Fault("status", method="POST", path=REPAY_PATH, status=400, code=-3041, message="Balance is not enough")


def received_texts(sink: HttpSink) -> list[tuple[str, str]]:
    """Severity and text of every notice so far."""
    said = [one.json() for one in sink.received]
    return [(one["severity"], one["text"]) for one in said if one["reason"] == "notice"]


@pytest.mark.parametrize(
    ("faults", "history_lag_s", "expected"),
    [
        pytest.param((), 0, [("info", "done; the level was 1.83, is now 2.00")], id="done"),
        pytest.param(
            (REFUSED,), 0, [("warning", "the exchange refused it (-3041: Balance is not enough)")], id="refused"
        ),
        pytest.param(
            (Fault("cut_after", method="POST", path=REPAY_PATH),),
            0,
            [("warning", "is not known; it is being looked into"), ("info", "done")],
            id="unknown, then done",
        ),
        pytest.param((), 3600, [("critical", "actions resolve 1 --as confirmed|failed")], id="unresolved"),
        pytest.param(
            (Fault("apply_late", method="POST", path=REPAY_PATH, seconds=25),),
            0,
            [
                ("warning", "not known"),
                ("warning", "was not carried out (no record"),
                ("critical", "executed late: record"),
            ],
            id="failed, then executed late",
        ),
    ],
)
@pytest.mark.slow
async def test_outcome_of_an_intent_is_sent_to_channels(
    tmp_path: Path, faults: Sequence[Fault], history_lag_s: int, expected: list[tuple[str, str]]
) -> None:
    scenario = replace(calm_scenario(), readings=ApiInterpretations(history_lag_s=history_lag_s))
    with http_sink() as sink:
        async with sandbox(scenario, speed=SPEED, faults=faults) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=repay_config())
            async with in_process_daemon(config, clock_of(box.sandbox)):

                async def told() -> bool:
                    return len(received_texts(sink)) >= len(expected)

                await eventually(told, 30, story=lambda: str(received_texts(sink)))
            asked = money_requests(box.sandbox.requests)
    assert [severity for severity, _ in received_texts(sink)] == [severity for severity, _ in expected]
    for (_, text), (_, words) in zip(received_texts(sink), expected, strict=True):
        assert text.startswith("main cross: repay 10000")
        assert words in text
    assert len(asked) == 1
