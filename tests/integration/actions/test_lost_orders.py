"""An order that a restore lost is never taken for an equal one that the backup knows as open."""

import asyncio
from pathlib import Path

import pytest

from monitor.app.database import back_up_database
from monitor.config.loading import load_config
from monitor.core.model.intent import IntentState
from monitor.core.state.account_state import AccountState
from monitor.sandbox.faults import Fault
from tests.support.command import margin_monitor
from tests.support.daemon import in_process_daemon, starting_now, write_config
from tests.support.money_actions import REPAY_PATH, money_requests, repay_config
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink

S = IntentState
ONCE = 'max_per_day = "500"'


def states(state: AccountState) -> list[IntentState]:
    return [intent.state for intent in state.intents.values()]


@pytest.mark.slow
async def test_lost_equal_order_does_not_prove_one_that_no_answer_named(tmp_path: Path) -> None:
    never_done = Fault("cut_before", method="POST", path=REPAY_PATH)
    actions = repay_config(max_amount="500", cooldown="1s", unresolved_after="6s")
    with http_sink() as sink:
        async with sandbox(starting_now(), faults=[never_done]) as box:
            config = write_config(
                tmp_path,
                box.ready,
                channels={"phone": sink.url},
                more=actions.replace('max_per_day = "100000"', ONCE),
            )
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: states(state) == [S.UNCERTAIN])
                await asyncio.to_thread(back_up_database, load_config(config, {}), tmp_path / "before.db")
                await here.wait_for_state(lambda state: states(state) == [S.FAILED, S.CONFIRMED], 40)
            said = await asyncio.to_thread(margin_monitor, config, "db", "restore", f"{tmp_path}/before.db", "--force")
            assert said.code == 0, said
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: states(state) == [S.UNRESOLVED], 40)
                [asked] = here.state().intents.values()
                assert "may be of an equal order that was lost with its record" in str(asked.evidence)
                wanted = f"actions resolve {asked.id} --as confirmed|failed"
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any(wanted in str(one.json()) for one in received)
                )
        assert [one.applied for one in money_requests(box.sandbox.requests)] == [False, True]
