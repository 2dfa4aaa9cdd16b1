"""Between the claim of an order and its one request everything that it stands on is asked for once more."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from monitor.core.actions.spec import ActionSpec, Safety
from monitor.core.events import KeyRead
from monitor.core.intents import Intent, IntentState
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenarios import calm
from monitor.store import operator
from monitor.store.readers.actions import read_intents
from monitor.store.store import Store
from tests.core.actions.samples import repay_spec, seconds
from tests.exchange.binance.world import world
from tests.runtime.rig import SAFETY, SPEED, Rig, money_requests
from tests.support.locks import held

S = IntentState
RIGHTS_PATH = "/sapi/v1/account/apiRestrictions"
HOUR = seconds(3600)


@contextlib.asynccontextmanager
async def about_to_claim(url: str, spec: ActionSpec, safety: Safety = SAFETY) -> AsyncIterator[Rig]:
    """A rig that looks at its key's rights for half a second more, and claims then."""
    async with world(calm(), speed=SPEED) as around:
        store = Store.open(url)
        try:
            made = await Rig(around, store, [spec], safety=safety).prepare()
            around.sandbox.add_fault(Fault("delay", method="GET", path=RIGHTS_PATH, seconds=600))
            seen = len(around.requests(RIGHTS_PATH))
            async with made.running():
                if spec.mode == "approve":
                    await made.until(lambda: made.intents)
                    await store.order(operator.decide, made.intents[0].id, True, "test", around.clock.now())
                await made.until(lambda: len(around.requests(RIGHTS_PATH)) > seen)
                yield made
        finally:
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
    async with about_to_claim(database_url, repay_spec(asset="USDT")) as made:
        with held(database_url):
            await made.world.clock.sleep(4)
            made.world.sandbox.hand.set_price("BTCUSDT", Decimal(200_000))
            await made.world.clock.sleep(46)
        await made.until(lambda: made.intents[0].state is S.EXPIRED)
        # Withheld after its claim; or the database let nobody wait so long, and before the next claim the wish is over.
        assert made.intents[0].submitted_at is None
        assert any(why in (made.intents[0].evidence or "") for why in ("max_data_age is exceeded", "target is reached"))
        assert money_requests(made.world) == []


async def test_a_price_that_came_back_while_the_claim_waited_ends_the_wish(database_url: str) -> None:
    async with about_to_claim(database_url, repay_spec(asset="USDT", max_data_age=HOUR)) as made:
        with held(database_url):
            made.world.sandbox.hand.set_price("BTCUSDT", Decimal(200_000))
            cross = made.state.cross
            assert cross is not None
            await made.world.clock.sleep(10)
            await made.until(lambda: made.state.cross is not None and made.state.cross.as_of > cross.as_of + seconds(8))
        await is_withheld(made, "")
        assert money_requests(made.world) == []


async def test_a_pause_file_laid_while_the_claim_waited_holds(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "pause"
    safety = replace(SAFETY, pause_file=str(file))
    async with about_to_claim(database_url, repay_spec(asset="USDT", max_data_age=HOUR), safety) as made:
        with held(database_url):
            await made.world.clock.sleep(20)
            file.touch()
        await is_withheld(made, "actions are paused")
        assert money_requests(made.world) == []


async def test_an_approval_holds_no_longer_than_its_time(database_url: str) -> None:
    spec = repay_spec(asset="USDT", mode="approve", approve_within=seconds(40), max_data_age=HOUR)
    async with about_to_claim(database_url, spec) as made:
        with held(database_url):
            await made.world.clock.sleep(45)
        await is_withheld(made, "before its time was over")
        assert money_requests(made.world) == []


async def test_a_right_that_appeared_while_the_claim_waited_stops_the_order(database_url: str) -> None:
    async with about_to_claim(database_url, repay_spec(asset="USDT", max_data_age=HOUR)) as made:
        with held(database_url):
            await made.world.clock.sleep(20)
            made.executor._deliver(KeyRead(False, None, made.world.clock.now()))
            await made.until(lambda: made.state.key_accepted is False)
        await is_withheld(made, "the exchange refuses the key")
        assert money_requests(made.world) == []
