"""A staking token that loses its peg is told, by a daemon that just started, against what was fair before."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.alert import AlertState
from monitor.core.model.journal import JournalEntry, Sample
from monitor.core.state.account_state import AccountState
from monitor.sandbox.scenario.builtin import CRASH_START, depeg_scenario
from monitor.store.store import Store
from tests.support.daemon import clock_of, in_process_daemon, write_config
from tests.support.sandbox import sandbox


def firing(state: AccountState) -> set[str]:
    return {key.rule for key, alert in state.alerts.items() if alert.state is AlertState.FIRING}


async def remember_an_hour(folder: Path) -> None:
    """What a daemon that ran before has recorded: WBETH at 1.08 ETH."""
    store = await asyncio.to_thread(Store.open, f"sqlite:///{folder}/monitor.db")
    times = [CRASH_START - timedelta(minutes=minutes) for minutes in range(70, 0, -10)]
    samples = tuple(Sample("asset", "WBETH", "peg_ratio", at, Decimal("1.08")) for at in times)
    await store.commit(JournalEntry("main", CRASH_START, samples=samples))
    await store.close()


@pytest.mark.slow
async def test_depegged_staking_token_fires_depeg(tmp_path: Path) -> None:
    await remember_an_hour(tmp_path)
    async with sandbox(depeg_scenario(), frozen=True) as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(lambda state: state.cross is not None and "WBETHUSDT" in state.prices.newest)
            assert here.state().prices.peg_history["WBETH"].reference_ratio == Decimal("1.08")
            assert not firing(here.state()) & {"depeg", "depeg-critical"}
            box.sandbox.user_actions.advance(71 * 60)
            await here.wait_for_state(lambda state: "depeg-critical" in firing(state))
            # The milder rule waits a minute, in steps that leave no price stale.
            for _ in range(7):
                box.sandbox.user_actions.advance(10)
                await here.wait_for_state(
                    lambda state: state.prices.newest_at is not None and state.prices.newest_at >= here.clock.now()
                )
            await here.wait_for_state(lambda state: "depeg" in firing(state))
            assert {key.subject for key in here.state().alerts if key.rule.startswith("depeg")} == {"WBETH"}
