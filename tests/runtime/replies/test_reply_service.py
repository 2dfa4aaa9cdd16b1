"""The owner of the reply loops: one that ends is started again, and a failure that lasts counts as the channel's."""

import asyncio
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.core.model.alert import Severity
from monitor.runtime.replies import reply_service
from monitor.runtime.replies.reply_service import GRACE_S, ReplyContext, ReplyHealth, ReplyService
from monitor.store.store import Store
from tests.support.daemon import eventually


class BrokenLoop:
    """A loop that fails or ends at each of its first runs, then works."""

    channels = ("phone",)

    def __init__(self) -> None:
        self.runs = 0
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1

    async def run(self, context: ReplyContext) -> None:
        self.runs += 1
        if self.runs == 1:
            raise RuntimeError("a bug")
        if self.runs == 3:
            context.health.record(self.channels, None)
            await asyncio.Event().wait()


async def notify(severity: Severity, text: str) -> None:
    """Send nothing."""


async def test_loop_that_ends_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_service, "RESTART_S", 0.01)
    store, loop, health = Store.open(f"sqlite:///{tmp_path}/monitor.db"), BrokenLoop(), ReplyHealth()
    service = ReplyService([loop], ReplyContext(store, SystemClock(), health, lambda: None, notify))
    running = asyncio.create_task(service.run())

    async def works() -> bool:
        if loop.runs == 2:
            assert "the reading of answers failed in this program" in health.problems()["phone"]
        return loop.runs == 3 and not health.problems()

    try:
        await eventually(works)
        service.wake()
        assert loop.wakes == 1
    finally:
        running.cancel()
        await asyncio.wait([running])
        await store.close()


def test_failure_counts_once_it_has_lasted() -> None:
    now = 0.0
    health = ReplyHealth(lambda: now)
    health.record(["phone", "group"], "no answer")
    assert health.problems() == {}
    now = GRACE_S / 2
    health.record(["phone"], None)
    health.record(["phone", "group"], "HTTP 502")
    now = GRACE_S
    assert health.problems() == {"group": "HTTP 502"}
    health.record(["group"], None)
    assert health.problems() == {}


def test_failure_that_waiting_does_not_cure_counts_at_once() -> None:
    health = ReplyHealth(lambda: 5.0)
    health.record(["phone"], "the token was refused", is_lasting=True)
    assert health.problems() == {"phone": "the token was refused"}
