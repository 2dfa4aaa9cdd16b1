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
from monitor.core.model.safety import Safety
from monitor.runtime.orders import executor
from monitor.sandbox.scenario.builtin import calm
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store
from monitor.store.writes import commands
from tests.support.connected_sandbox import world
from tests.support.database_lock import held
from tests.support.examples.actions import repay_spec, seconds
from tests.support.executor_harness import PATIENCE_S, SAFETY, SPEED, Rig, money_requests

S = IntentState
HOUR = seconds(3600)


class WaitingStore(Store):
    """The database, which claims nothing until it is let go."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked, self.let_go = asyncio.Event(), asyncio.Event()

    async def claim(self, intent: Intent, at: datetime, note: str = "") -> bool:
        self.asked.set()
        await self.let_go.wait()
        return await super().claim(intent, at, note)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the machine itself may take is no matter here."""
    monkeypatch.setattr(executor, "PAUSE_HOLDS_S", 60.0)
    monkeypatch.setattr(executor, "PAUSE_KNOWN_FOR_S", 120.0)


@contextlib.asynccontextmanager
async def claiming(url: str, spec: ActionSpec, safety: Safety = SAFETY) -> AsyncIterator[tuple[Rig, asyncio.Event]]:
    """A rig whose claim of its first order waits, and what lets it go."""
    async with world(calm(), speed=SPEED) as around:
        store = WaitingStore.open(url)
        try:
            made = await Rig(around, store, [spec], safety=safety).prepare()
            async with made.running():
                if spec.mode == "approve":
                    await made.until(lambda: made.intents)
                    await store.order(commands.decide, made.intents[0].id, True, "test", around.clock.now())
                async with asyncio.timeout(PATIENCE_S):
                    await store.asked.wait()
                yield made, store.let_go
        finally:
            store.let_go.set()
            await store.close()


async def is_withheld(made: Rig, reason: str) -> Intent:
    """The first intent, once it is over: claimed, never sent, and expired for this reason."""
    await made.until(lambda: made.intents[0].state is S.EXPIRED)
    found = made.intents[0]
    assert reason in (found.evidence or "")
    assert found.submitted_at is None
    [row] = [row for row in await made.store.read(read_intents, include_final=True) if row.intent.id == found.id]
    assert [step.to_state for step in row.steps][-2:] == [S.SUBMITTING, S.EXPIRED]
    return found


async def test_a_claim_that_took_longer_than_the_figures_may_be_old_sends_nothing(database_url: str) -> None:
    async with claiming(database_url, repay_spec(asset="USDT")) as (made, let_go):
        with held(database_url):
            let_go.set()
            made.world.sandbox.hand.set_price("BTCUSDT", Decimal(200_000))
            made.world.pass_time(50)
        await made.until(lambda: made.intents[0].state is S.EXPIRED)
        # Withheld after its claim; or the database let nobody wait so long, and before the next claim the wish is over.
        assert made.intents[0].submitted_at is None
        assert any(why in (made.intents[0].evidence or "") for why in ("max_data_age is exceeded", "target is reached"))
        assert money_requests(made.world) == []


async def test_a_price_that_came_back_while_the_claim_waited_ends_the_wish(database_url: str) -> None:
    async with claiming(database_url, repay_spec(asset="USDT", max_data_age=HOUR)) as (made, let_go):
        made.world.sandbox.hand.set_price("BTCUSDT", Decimal(200_000))
        cross = made.state.cross
        assert cross is not None
        made.world.pass_time(10)
        await made.until(lambda: made.state.cross is not None and made.state.cross.as_of > cross.as_of + seconds(8))
        let_go.set()
        await is_withheld(made, "")
        assert money_requests(made.world) == []


async def test_a_pause_file_laid_while_the_claim_waited_holds(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "pause"
    safety = replace(SAFETY, pause_file=str(file))
    async with claiming(database_url, repay_spec(asset="USDT", max_data_age=HOUR), safety) as (made, let_go):
        file.touch()
        let_go.set()
        await is_withheld(made, "actions are paused")
        assert money_requests(made.world) == []


async def test_an_approval_holds_no_longer_than_its_time(database_url: str) -> None:
    spec = repay_spec(asset="USDT", mode="approve", approve_within=HOUR, max_data_age=2 * HOUR)
    async with claiming(database_url, spec) as (made, let_go):
        made.world.pass_time(3700)
        let_go.set()
        await is_withheld(made, "before its time was over")
        assert money_requests(made.world) == []


async def test_a_right_that_appeared_while_the_claim_waited_stops_the_order(database_url: str) -> None:
    async with claiming(database_url, repay_spec(asset="USDT", max_data_age=HOUR)) as (made, let_go):
        made.executor._deliver(KeyRead(False, None, made.world.clock.now()))
        await made.until(lambda: made.state.key_accepted is False)
        let_go.set()
        await is_withheld(made, "the exchange refuses the key")
        assert money_requests(made.world) == []
