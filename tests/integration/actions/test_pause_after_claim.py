"""A pause that a person orders when an order is claimed already, but has not left: nothing is sent."""

import asyncio
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Accepted, Transfer
from monitor.records.intents import IntentRow
from monitor.runtime.orders import executor
from monitor.runtime.orders.executor import PAUSE_KNOWN_FOR_S
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store
from monitor.store.writes import commands
from tests.support.connected_sandbox import world
from tests.support.examples.actions import repay_spec, seconds
from tests.support.executor_harness import SAFETY, SPEED, Rig
from tests.support.money_actions import REPAY_PATH, TRANSFER_PATH
from tests.support.timeouts import SOON_S

S = IntentState
HELD_FOR_S = 600.0
"""Far longer than what is done while another order of the account keeps this one waiting takes on any machine."""

HELD = Fault("delay", method="POST", path=TRANSFER_PATH, seconds=HELD_FOR_S)


class Asked(Store):
    """A store that says when it was last asked whether the order may still leave."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.was_asked = asyncio.Event()

    async def read(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        found = await super().read(function, *args, **kwargs)
        if function is commands.standing:
            self.was_asked.set()
        return found


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the machine itself may take for one question is no matter here."""
    monkeypatch.setattr(executor, "PAUSE_HOLDS_S", 60.0)


@pytest.mark.parametrize("way", ["command", "file"])
async def test_an_order_that_was_claimed_before_the_pause_expires_unsent(
    database_url: str, tmp_path: Path, way: str
) -> None:
    file = tmp_path / "pause"
    spec = repay_spec(asset="USDT", max_data_age=seconds(3600))
    async with world(calm(), speed=SPEED, timeout_s=HELD_FOR_S) as around:
        store = Asked.open(database_url)
        try:
            safety = replace(SAFETY, pause_file=str(file))
            rig = await Rig(around, store, [spec], safety=safety).prepare()
            around.sandbox.add_fault(HELD)
            another = asyncio.create_task(around.account.execute(Transfer("spot", CROSS, "USDT", Decimal(1))))
            async with rig.running():
                await asyncio.wait_for(store.was_asked.wait(), SOON_S)
                assert not another.done(), "the order did not have to wait"
                if way == "file":
                    file.touch()
                else:
                    await store.order(commands.pause, True, "somebody", around.clock.now())
                    await rig.until(lambda: rig.state.operator.paused)
                around.sandbox.clear_faults()
                assert isinstance(await another, Accepted)
                await rig.until(lambda: rig.intents[0].state is S.EXPIRED)
            row = await first(rig)
        finally:
            await store.close()
        assert row is not None
        assert [step.to_state for step in row.steps][-2:] == [S.SUBMITTING, S.EXPIRED]
        assert "are paused" in str(row.intent.evidence) or "were paused" in str(row.intent.evidence)
        assert row.intent.submitted_at is None
        assert around.requests(REPAY_PATH, "POST") == []


async def test_what_passes_in_a_suspended_machine_counts(database_url: str) -> None:
    spec = repay_spec(asset="USDT", max_data_age=seconds(3600))
    async with world(calm(), speed=SPEED, timeout_s=HELD_FOR_S) as around:
        store = Asked.open(database_url)
        try:
            rig = await Rig(around, store, [spec]).prepare()
            around.sandbox.add_fault(HELD)
            another = asyncio.create_task(around.account.execute(Transfer("spot", CROSS, "USDT", Decimal(1))))
            async with rig.running():
                await asyncio.wait_for(store.was_asked.wait(), SOON_S)
                around.pass_time(2 * PAUSE_KNOWN_FOR_S * SPEED)
                around.sandbox.clear_faults()
                await another
                await rig.until(lambda: rig.intents[0].state is S.EXPIRED)
            assert "too long to be sure" in str(rig.intents[0].evidence)
        finally:
            await store.close()


class TakenOver(Store):
    """A store of which another daemon takes the account over, whenever an intent was claimed here."""

    async def claim(self, intent: Intent, at: datetime, note: str = "") -> bool:
        is_claimed = await super().claim(intent, at, note)
        await self.recover(at)
        return is_claimed


async def test_an_order_that_another_daemon_gave_up_since_its_claim_is_not_sent(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "PAUSE_KNOWN_FOR_S", 120.0)
    async with world(calm(), speed=SPEED) as around:
        store = TakenOver.open(database_url)
        try:
            rig = await Rig(around, store, [repay_spec(asset="USDT", max_data_age=seconds(3600))]).prepare()
            async with rig.running():
                await rig.until(lambda: rig.intents and rig.intents[0].state is S.EXPIRED)
            row = await first(rig)
        finally:
            await store.close()
        assert "another daemon" in str(rig.intents[0].evidence)
        assert row is not None
        assert row.intent.state is S.UNCERTAIN
        assert around.requests(REPAY_PATH, "POST") == []


async def first(rig: Rig) -> IntentRow | None:
    """The first order as the database has it."""
    rows = await rig.store.read(read_intents, include_final=True)
    return min(rows, key=lambda row: row.intent.id, default=None)
