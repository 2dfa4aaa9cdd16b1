from typing import Any

from monitor.web.pages.models.health import HealthLine, health_line
from tests.web.pages.example_documents import account, alert, status


def line(document: Any, alerts: Any = (), reasons: Any = ()) -> HealthLine:
    return health_line(document, alerts, reasons)


def test_line_is_quiet_while_all_is_well() -> None:
    found = line(status())
    assert found.problems == ()
    assert found.words == "watching since 20:51:17 UTC · 2 of 2 streams · channels and database work · clock 71 ms off"


def test_stream_that_is_down_makes_it_loud() -> None:
    streams = [{"name": "risk", "connected": False}, {"name": "market", "connected": True}]
    assert line(status(account(streams=streams))).problems == ("main: stream risk down, polling goes on",)


def test_clock_that_is_off_makes_it_loud() -> None:
    assert line(status(account(clock_offset_s=-5.24))).problems == ("main: the clock is 5.2 s off the exchange's",)


def test_channel_whose_newest_message_failed_makes_it_loud() -> None:
    sent = {"channel": "phone", "reason": "fired", "state": "sent", "attempts": 1, "at": None, "answer": None}
    failed = sent | {"channel": "mail", "state": "failed"}
    assert line(status(), [alert(deliveries=[sent, failed])]).problems == (
        "channel mail: the newest message did not leave",
    )


def test_reasons_of_the_daemon_are_each_said_once() -> None:
    assert line(status(), (), ["main: data are stale", "main: data are stale"]).problems == ("main: data are stale",)
