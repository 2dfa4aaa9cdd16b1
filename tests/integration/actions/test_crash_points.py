"""The daemon dies before or after every write, and starts again: no order is ever sent twice."""

from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.action_blocks import StopCause
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState, IntentStep
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.model.order import Reduce, Repay
from monitor.sandbox.faults import Fault
from monitor.store.store import Store
from monitor.store.writes.journal import CommitResult, EntryMark
from monitor.store.writes.outbox import read_due_deliveries
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox
from tests.support.examples.actions import reduce_spec, repay_spec, transfer_spec
from tests.support.executor_harness import SPEED, ExecutorHarness, database_url_in, money_requests

REPAY_PATH = "/sapi/v1/margin/borrow-repay"
ORDER_PATH = "/sapi/v1/margin/order"
POINTS = 40
"""More than any of these stories has."""

MIN_POINTS = 8
"""Before and after: planned, claimed, answered, settled."""


class SimulatedCrash(BaseException):
    """The process is gone: nothing that follows is carried out."""


class CrashingStore(Store):
    """The real store of a process that dies at the given point, before or after a write."""

    points_left: int | None = None

    def _count_or_crash(self) -> None:
        if self.points_left is not None:
            self.points_left -= 1
            if self.points_left < 0:
                raise SimulatedCrash

    async def commit(self, entry: JournalEntry, mark: EntryMark | None = None) -> CommitResult:
        self._count_or_crash()
        committed = await super().commit(entry, mark)
        self._count_or_crash()
        return committed

    async def claim(self, intent: Intent, at: datetime, note: str = "") -> bool:
        self._count_or_crash()
        claimed = await super().claim(intent, at, note)
        self._count_or_crash()
        return claimed

    async def record_step(
        self, intent: Intent, step: IntentStep, notices: tuple[Notice, ...] = (), stop: StopCause | None = None
    ) -> bool:
        self._count_or_crash()
        recorded = await super().record_step(intent, step, notices, stop)
        self._count_or_crash()
        return recorded


async def run_until_crash(around: ConnectedSandbox, folder: Path, spec: ActionSpec, point: int | None) -> bool:
    """Whether the process died at `point`; without one it lives until everything is settled."""
    store = CrashingStore.open(database_url_in(folder))
    died = False
    try:
        rig = await ExecutorHarness(around, store, [spec]).prepare()
        store.points_left = point
        try:
            async with rig.running():
                await rig.wait_until_settled(0 if rig.state.intents else 1)
                # Whatever else it may want to do gets its chance.
                await around.clock.sleep(3)
                await rig.wait_until_settled()
        except* SimulatedCrash:
            died = True
    finally:
        await store.close()
    return died


async def recorded_state(around: ConnectedSandbox, folder: Path) -> tuple[tuple[Intent, ...], list[str]]:
    """Every intent, and what waits to be told of them."""
    store = Store.open(database_url_in(folder))
    try:
        intents = (await store.load_state("main", around.clock.now())).intents
        return intents, [
            delivery.text for delivery in await store.read(read_due_deliveries, "phone", around.clock.now())
        ]
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        pytest.param(repay_spec(asset="USDT"), None, marks=pytest.mark.slow, id="repaid"),
        pytest.param(
            repay_spec(asset="USDT"), Fault("cut_after", method="POST", path=REPAY_PATH), id="executed then cut"
        ),
        pytest.param(
            repay_spec(asset="USDT"),
            Fault("cut_before", method="POST", path=REPAY_PATH),
            marks=pytest.mark.slow,
            id="dropped",
        ),
        pytest.param(transfer_spec(asset="USDT"), None, marks=pytest.mark.slow, id="brought in and repaid"),
        pytest.param(reduce_spec(asset="USDT"), None, marks=pytest.mark.slow, id="sold"),
        pytest.param(
            reduce_spec(asset="USDT"),
            Fault("cut_after", method="POST", path=ORDER_PATH),
            marks=pytest.mark.slow,
            id="sold then cut",
        ),
    ],
)
async def test_at_most_one_money_request_per_intent_at_any_crash_point(
    tmp_path: Path, spec: ActionSpec, fault: Fault | None
) -> None:
    for point in range(POINTS):
        folder = tmp_path / str(point)
        folder.mkdir()
        async with connected_sandbox(speed=SPEED, faults=[fault] if fault else []) as around:
            died = await run_until_crash(around, folder, spec, point)
            if died:
                assert not await run_until_crash(around, folder, spec, None)
            asked = money_requests(around)
            intents, told = await recorded_state(around, folder)
            sent = [intent for intent in intents if intent.submitted_at is not None]
            amounts = Counter((one.path, Decimal(one.params.get("amount") or one.params["quantity"])) for one in asked)
            allowed = Counter((_path(intent), _size(intent)) for intent in sent)
            assert amounts <= allowed, f"died at point {point}: {asked} for {sent}"
            assert all(intent.state in FINAL_STATES for intent in sent), sent
            done = [intent for intent in sent if intent.state is IntentState.CONFIRMED]
            assert len(done) == sum(one.applied for one in asked), f"died at point {point}"
            for intent in done:
                assert sum(f"R-{intent.id}): done" in text for text in told) == 1, f"died at point {point}: {told}"
        if not died:
            break
    else:
        pytest.fail(f"more than {POINTS} points")
    assert point >= MIN_POINTS


def _size(intent: Intent) -> Decimal:
    return intent.order.quantity if isinstance(intent.order, Reduce) else intent.amount


def _path(intent: Intent) -> str:
    if isinstance(intent.order, Reduce):
        return ORDER_PATH
    return REPAY_PATH if isinstance(intent.order, Repay) else "/sapi/v1/asset/transfer"
