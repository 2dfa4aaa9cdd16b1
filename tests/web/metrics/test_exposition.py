"""The whole text of `/metrics`: what promtool says of it, and that every name is in the catalog."""

import re

from monitor.core.model.events import IsolatedRead
from monitor.web.metrics.catalog import exported_names
from monitor.web.metrics.daemon_view import ActivityCounts
from monitor.web.metrics.exposition import CONTENT_TYPE, WorkSlices, render_metrics
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
    """A machine on which the work between two calls of the clock takes 50 µs, and each pause `pause_s`."""

    def __init__(self, pause_s: float) -> None:
        self.pauses = 0
        self.longest_slice_s = 0.0
        self._pause_s = pause_s
        self._now_s = self._resumed_at_s = 0.0

    def time_s(self) -> float:
        self._now_s += 0.00005
        return self._now_s

    def sleep(self, _: float) -> None:
        self.longest_slice_s = max(self.longest_slice_s, self._now_s - self._resumed_at_s)
        self.pauses += 1
        self._now_s += self._pause_s
        self._resumed_at_s = self._now_s


def test_work_is_done_in_short_slices() -> None:
    calm = Machine(0.0001)
    slices = WorkSlices(calm.time_s, calm.sleep)
    for _ in range(400):
        slices.pause()
    # Twenty milliseconds of work.
    assert calm.longest_slice_s < 0.001
    assert calm.pauses > 40


def test_slices_grow_where_pauses_take_long() -> None:
    busy = Machine(0.01)
    slices = WorkSlices(busy.time_s, busy.sleep)
    for _ in range(10_000):
        slices.pause()
    # Half a second of work: with slices of a fifth of a millisecond it would take 25 seconds.
    assert busy.pauses < 200
