from typing import Any

from monitor.web.pages.models.health import HealthLine, WatchFaults, health_line
from tests.web.pages.example_documents import account, alert, status

SENT: dict[str, Any] = {
    "channel": "phone",
    "reason": "fired",
    "state": "sent",
    "attempts": 1,
    "at": None,
    "answer": None,
}


def line(document: Any, alerts: Any = (), faults: WatchFaults | None = None) -> HealthLine:
    return health_line(document, alerts, faults or WatchFaults())


def test_line_is_quiet_while_all_is_well() -> None:
    found = line(status())
    assert found.problems == ()
    assert found.words == "watching since 20:51:17 UTC · 2 of 2 streams · channels and database work · clock 71 ms off"


def test_daemons_that_share_the_accounts_are_named() -> None:
    on_desk, on_attic = ({"host": name, "pid": 7, "since": "2025-10-10T20:51:17.000Z"} for name in ("desk", "attic"))
    own = [account(account=name, held_by=by) for name, by in (("a", on_desk), ("b", on_attic), ("c", on_desk))]
    assert "b on attic (pid 7) · a, c on desk (pid 7)" in line(status(*own)).words
    lost = line(status(account(held_by=None), account(account="b", held_by=on_attic)))
    assert lost.problems == ("account main is watched by no daemon",)


def test_stream_that_is_down_makes_it_loud() -> None:
    streams = [{"name": "risk", "connected": False}, {"name": "market", "connected": True}]
    assert line(status(account(streams=streams))).problems == ("main: stream risk down, polling goes on",)


def test_polling_is_not_said_to_go_on_while_nothing_is_read() -> None:
    streams = [{"name": "risk", "connected": False}, {"name": "market", "connected": False}]
    assert line(status(account(state="stale", streams=streams))).problems == ("main: streams risk, market down",)


def test_clock_that_is_off_makes_it_loud() -> None:
    assert line(status(account(clock_offset_s=-5.24))).problems == ("main: the clock is 5.2 s off the exchange's",)


def test_channel_whose_newest_message_failed_makes_it_loud() -> None:
    failed = SENT | {"channel": "mail", "state": "failed"}
    assert line(status(), [alert(deliveries=[SENT, failed])]).problems == (
        "channel mail: the newest message did not leave",
    )


def test_reasons_of_the_daemon_are_each_said_once() -> None:
    faults = WatchFaults(["main: data are stale", "main: data are stale"])
    assert line(status(), (), faults).problems == ("main: data are stale",)


def test_message_that_is_tried_again_and_again_makes_it_loud() -> None:
    queued = SENT | {"channel": "mail", "state": "queued", "attempts": 3}
    untried = queued | {"attempts": 0}
    assert line(status(), [alert(deliveries=[SENT, queued, untried])]).problems == (
        "channel mail: the newest message did not leave, it is tried again after 3 attempts",
    )
    assert line(status(), [alert(deliveries=[SENT, untried])]).problems == ()


def test_message_that_ran_out_makes_it_loud() -> None:
    expired = SENT | {"channel": "mail", "state": "expired", "attempts": 0}
    assert line(status(), [alert(deliveries=[expired])]).problems == ("channel mail: the newest message did not leave",)


def test_channel_that_fails_without_any_alert_is_named_once_with_its_cause() -> None:
    failed = SENT | {"channel": "mail", "state": "failed"}
    faults = WatchFaults(channels={"mail": "refused by the provider"})
    for alerts in ((), [alert(deliveries=[failed])]):
        assert line(status(), alerts, faults).problems == ("channel mail does not work: refused by the provider",)


def test_faults_of_other_accounts_can_be_left_out() -> None:
    faults = WatchFaults(["account a is down (x)", "account a: data lack", "account ab is down (x)", "no disk"])
    assert faults.without(["a"]).reasons == ("account ab is down (x)", "no disk")
