"""The whole text of `/metrics`: what promtool says of it, and that every name is in the catalog."""

import re

from monitor.core.model.events import IsolatedRead
from monitor.web.metrics.catalog import exported_names
from monitor.web.metrics.daemon_view import ActivityCounts
from monitor.web.metrics.exposition import CONTENT_TYPE, MAX_PAUSES, ThreadCourtesy, render_metrics
from tests.support.examples.accounts import (
    NOW,
    apply_events,
    cross_account_state,
    interest_charge,
    interest_read,
    isolated_snapshot,
    long_pair,
)
from tests.support.prometheus_tools.programs import run_promtool
from tests.web.metrics.views import WEB_COUNTS, daemon_view


def full_text() -> str:
    state = apply_events(
        cross_account_state(),
        IsolatedRead(isolated_snapshot(long_pair())),
        interest_read(interest_charge("USDT", NOW)),
    )
    counts = ActivityCounts(
        reads={("main", "cross", "ok"): 7},
        stream_events={("main", "userLiabilityChange"): 3},
        actions={("repay", "confirmed"): 1},
        messages={("phone", "sent"): 2},
        config_loaded_at=NOW,
    )
    return render_metrics(daemon_view(state, activity=counts), WEB_COUNTS).decode()


def test_promtool_has_nothing_to_say() -> None:
    assert run_promtool("check", "metrics", stdin=full_text()) == (0, "")


def test_every_name_is_in_the_catalog_with_help_and_type() -> None:
    text = full_text()
    sampled = set(re.findall(r"^([a-z_0-9]+)[{ ]", text, re.MULTILINE))
    assert sampled <= exported_names()
    assert sampled == set(re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text, re.MULTILINE))
    assert sampled == set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))
    assert all(name.startswith("margin_monitor_") for name in sampled)


def test_text_is_of_the_version_that_every_prometheus_reads() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


class Machine:
    """A machine on which the work between two calls of the clock takes 50 µs, and longer when it is interrupted."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.cpu_s = 0.0
        self.pauses = 0
        self.courtesy = ThreadCourtesy(self.time_s, lambda: self.cpu_s, self.sleep)

    def time_s(self) -> float:
        self.work(0.00005)
        return self.now_s

    def work(self, duration_s: float) -> None:
        self.now_s += duration_s
        self.cpu_s += duration_s

    def interrupt(self, duration_s: float) -> None:
        self.now_s += duration_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s
        self.pauses += 1


def test_work_without_interruptions_has_no_pauses() -> None:
    machine = Machine()
    for _ in range(400):
        machine.courtesy.yield_turn()
    assert machine.pauses == 0


def test_long_pieces_of_work_have_no_pauses() -> None:
    machine = Machine()
    for _ in range(400):
        machine.work(0.001)
        machine.courtesy.yield_turn()
    assert machine.pauses == 0


def test_work_pauses_once_after_each_interruption() -> None:
    machine = Machine()
    for _ in range(3):
        machine.courtesy.yield_turn()
        machine.interrupt(0.001)
        machine.courtesy.yield_turn()
        machine.courtesy.yield_turn()
    assert machine.pauses == 3


def test_a_busy_machine_does_not_stop_the_work() -> None:
    machine = Machine()
    for _ in range(400):
        machine.interrupt(0.001)
        machine.courtesy.yield_turn()
    assert machine.pauses == MAX_PAUSES
