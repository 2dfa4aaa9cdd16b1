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
from monitor.runtime.orders import send_check
from monitor.runtime.orders.send_check import PAUSE_CHECK_VALID_S
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.store.db import lease_term
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store
from monitor.store.writes import commands
from tests.support.connected_sandbox import connected_sandbox
from tests.support.examples.actions import repay_spec, seconds
from tests.support.executor_harness import SAFETY, SPEED, ExecutorHarness
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
        if function is commands.read_pause_and_state:
            self.was_asked.set()
        return found


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the machine itself may take for one question is no matter here."""
    monkeypatch.setattr(send_check, "PAUSE_CHECK_MAX_AGE_S", 60.0)
    monkeypatch.setattr(lease_term, "MAX_PROOF_AGE_S", 600.0)


@pytest.mark.parametrize("way", ["command", "file"])
async def test_intent_claimed_before_a_pause_expires_unsent(database_url: str, tmp_path: Path, way: str) -> None:
    file = tmp_path / "pause"
    spec = repay_spec(asset="USDT", max_data_age=seconds(3600))
    async with connected_sandbox(calm_scenario(), speed=SPEED, timeout_s=HELD_FOR_S) as around:
        store = Asked.open(database_url)
        try:
            safety = replace(SAFETY, pause_file=str(file))
            rig = await ExecutorHarness(around, store, [spec], safety=safety).prepare()
            around.sandbox.add_fault(HELD)
            another = asyncio.create_task(around.account.execute(Transfer("spot", CROSS, "USDT", Decimal(1))))
            async with rig.running():
                await asyncio.wait_for(store.was_asked.wait(), SOON_S)
                assert not another.done(), "the order did not have to wait"
                if way == "file":
                    file.touch()
                else:
                    await store.execute(commands.set_paused, True, "somebody", around.clock.now())
                    await rig.wait_until(lambda: rig.state.commands.paused)
                around.sandbox.clear_faults()
                assert isinstance(await another, Accepted)
                await rig.wait_until(lambda: rig.intents[0].state is S.EXPIRED)
            row = await first_intent(rig)
        finally:
            await store.close()
        assert row is not None
        assert [step.to_state for step in row.steps][-2:] == [S.SUBMITTING, S.EXPIRED]
        assert "are paused" in str(row.intent.evidence) or "were paused" in str(row.intent.evidence)
        assert row.intent.submitted_at is None
        assert around.requests(REPAY_PATH, "POST") == []


async def test_suspended_time_counts(database_url: str) -> None:
    spec = repay_spec(asset="USDT", max_data_age=seconds(3600))
    async with connected_sandbox(calm_scenario(), speed=SPEED, timeout_s=HELD_FOR_S) as around:
        store = Asked.open(database_url)
        try:
            rig = await ExecutorHarness(around, store, [spec]).prepare()
            around.sandbox.add_fault(HELD)
            another = asyncio.create_task(around.account.execute(Transfer("spot", CROSS, "USDT", Decimal(1))))
            async with rig.running():
                await asyncio.wait_for(store.was_asked.wait(), SOON_S)
                around.pass_time(2 * PAUSE_CHECK_VALID_S * SPEED)
                around.sandbox.clear_faults()
                await another
                await rig.wait_until(lambda: rig.intents[0].state is S.EXPIRED)
            assert "too long to be sure" in str(rig.intents[0].evidence)
        finally:
            await store.close()


class StoreWithTakeover(Store):
    """A store of which another daemon takes the account over, whenever an intent was claimed here."""

    async def claim(self, intent: Intent, at: datetime, note: str = "") -> bool:
        is_claimed = await super().claim(intent, at, note)
        await self.recover_interrupted(at)
        return is_claimed


async def test_intent_abandoned_by_another_daemon_is_not_sent(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_check, "PAUSE_CHECK_VALID_S", 120.0)
    async with connected_sandbox(calm_scenario(), speed=SPEED) as around:
        store = StoreWithTakeover.open(database_url)
        try:
            rig = await ExecutorHarness(around, store, [repay_spec(asset="USDT", max_data_age=seconds(3600))]).prepare()
            async with rig.running():
                await rig.wait_until(lambda: rig.intents and rig.intents[0].state is S.EXPIRED)
            row = await first_intent(rig)
        finally:
            await store.close()
        assert "another daemon" in str(rig.intents[0].evidence)
        assert row is not None
        assert row.intent.state is S.UNCERTAIN
        assert around.requests(REPAY_PATH, "POST") == []


async def first_intent(rig: ExecutorHarness) -> IntentRow | None:
    """The first order as the database has it."""
    rows = await rig.store.read(read_intents, include_final=True)
    return min(rows, key=lambda row: row.intent.id, default=None)
