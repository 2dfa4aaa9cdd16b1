"""Between the claim of an order and its one request everything that it stands on is asked for once more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.events import KeyRead
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.safety_settings import SafetySettings
from monitor.runtime.orders import send_check
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.store.db import lease_term
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store
from monitor.store.writes import commands
from tests.support.connected_sandbox import connected_sandbox
from tests.support.database_lock import locked_database
from tests.support.examples.actions import repay_spec, seconds
from tests.support.executor_harness import SAFETY, SPEED, WAIT_LIMIT_S, ExecutorHarness, money_requests

S = IntentState
HOUR = seconds(3600)


class BlockingStore(Store):
    """The database, which claims nothing until it is let go."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked, self.released = asyncio.Event(), asyncio.Event()

    async def claim(self, intent: Intent, at: datetime, note: str = "") -> bool:
        self.asked.set()
        await self.released.wait()
        return await super().claim(intent, at, note)


@pytest.fixture(autouse=True)
def no_time_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the machine itself may take is no matter here."""
    monkeypatch.setattr(send_check, "PAUSE_CHECK_MAX_AGE_S", 60.0)
    monkeypatch.setattr(lease_term, "MAX_PROOF_AGE_S", 600.0)
    monkeypatch.setattr(send_check, "PAUSE_CHECK_VALID_S", 120.0)


@contextlib.asynccontextmanager
async def harness_waiting_in_claim(
    url: str, spec: ActionSpec, safety: SafetySettings = SAFETY
) -> AsyncIterator[tuple[ExecutorHarness, asyncio.Event]]:
    """A rig whose claim of its first order waits, and what lets it go."""
    async with connected_sandbox(calm_scenario(), speed=SPEED) as around:
        store = BlockingStore.open(url)
        try:
            made = await ExecutorHarness(around, store, [spec], safety=safety).prepare()
            async with made.running():
                if spec.mode == "approve":
                    await made.wait_until(lambda: made.intents)
                    await store.execute(commands.decide_proposal, made.intents[0].id, True, "test", around.clock.now())
                async with asyncio.timeout(WAIT_LIMIT_S):
                    await store.asked.wait()
                yield made, store.released
        finally:
            store.released.set()
            await store.close()


async def wait_until_withheld(made: ExecutorHarness, reason: str) -> Intent:
    """The first intent, once it is over: claimed, never sent, and expired for this reason."""
    await made.wait_until(lambda: made.intents[0].state is S.EXPIRED)
    found = made.intents[0]
    assert reason in (found.evidence or "")
    assert found.submitted_at is None
    [row] = [row for row in await made.store.read(read_intents, include_final=True) if row.intent.id == found.id]
    assert [step.to_state for step in row.steps][-2:] == [S.SUBMITTING, S.EXPIRED]
    return found


async def test_slow_claim_on_stale_data_sends_nothing(database_url: str) -> None:
    async with harness_waiting_in_claim(database_url, repay_spec(asset="USDT")) as (made, let_go):
        with locked_database(database_url):
            let_go.set()
            made.world.sandbox.user_actions.set_price("BTCUSDT", Decimal(200_000))
            made.world.pass_time(50)
        await made.wait_until(lambda: made.intents[0].state is S.EXPIRED)
        # Withheld after its claim; or the database let nobody wait so long, and before the next claim the wish is over.
        assert made.intents[0].submitted_at is None
        assert any(why in (made.intents[0].evidence or "") for why in ("max_data_age is exceeded", "target is reached"))
        assert money_requests(made.world) == []


async def test_price_recovery_during_the_claim_withholds_the_intent(database_url: str) -> None:
    async with harness_waiting_in_claim(database_url, repay_spec(asset="USDT", max_data_age=HOUR)) as (made, let_go):
        made.world.sandbox.user_actions.set_price("BTCUSDT", Decimal(200_000))
        cross = made.state.cross
        assert cross is not None
        made.world.pass_time(10)
        await made.wait_until(
            lambda: made.state.cross is not None and made.state.cross.as_of > cross.as_of + seconds(8)
        )
        let_go.set()
        await wait_until_withheld(made, "")
        assert money_requests(made.world) == []


async def test_pause_file_during_the_claim_withholds_the_intent(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "pause"
    safety = replace(SAFETY, pause_file=str(file))
    async with harness_waiting_in_claim(database_url, repay_spec(asset="USDT", max_data_age=HOUR), safety) as (
        made,
        let_go,
    ):
        file.touch()
        let_go.set()
        await wait_until_withheld(made, "actions are paused")
        assert money_requests(made.world) == []


async def test_expired_approval_withholds_the_intent(database_url: str) -> None:
    spec = repay_spec(asset="USDT", mode="approve", approve_within=HOUR, max_data_age=2 * HOUR)
    async with harness_waiting_in_claim(database_url, spec) as (made, let_go):
        made.world.pass_time(3700)
        let_go.set()
        await wait_until_withheld(made, "before its time was over")
        assert money_requests(made.world) == []


async def test_new_permission_during_the_claim_withholds_the_intent(database_url: str) -> None:
    async with harness_waiting_in_claim(database_url, repay_spec(asset="USDT", max_data_age=HOUR)) as (made, let_go):
        made.executor._deliver(KeyRead(False, None, made.world.clock.now()))
        await made.wait_until(lambda: made.state.keys.is_accepted is False)
        let_go.set()
        await wait_until_withheld(made, "the exchange refuses the key")
        assert money_requests(made.world) == []
