"""Money is moved in the account that is watched, and in each account of the exchange by one set of caps."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.cli.daemon.daemon_supervisor import DaemonSupervisor
from monitor.core.state.account_state import AccountState
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiKeySpec, hmac_key
from tests.support.command import margin_monitor
from tests.support.daemon import clock_of, eventually, in_process_daemon, in_process_run, starting_now, write_config
from tests.support.money_actions import money_requests, repay_config
from tests.support.sandbox import RunningSandbox, sandbox


def of_another(folder: Path, box: RunningSandbox) -> Path:
    """A config whose second key is that of the other account."""
    main, other = box.ready.accounts
    config = write_config(folder, replace(box.ready, accounts=(main,)), more=repay_config(mode="live"))
    acting = f'action_api_key = "{other["api_key"]}"\naction_api_secret = "{other["api_secret"]}"'
    config.write_text(config.read_text().replace("[[accounts]]\n", f"[[accounts]]\n{acting}\n"))
    return config


def is_stopped(state: AccountState, words: str) -> bool:
    return any(words in stop.reason for stop in state.action_blocks.values())


async def test_action_key_of_another_account_moves_nothing(tmp_path: Path) -> None:
    [main] = calm_scenario().accounts
    scenario = starting_now(replace(calm_scenario(), accounts=(main, replace(main, name="other"))))
    async with sandbox(scenario) as box:
        config = of_another(tmp_path, box)
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: is_stopped(state, "belongs to another account of the exchange"))
        assert money_requests(box.sandbox.requests) == []
        said = await asyncio.to_thread(margin_monitor, config, "check", "--json")
        assert said.code == 1
        assert "belongs to another account of the exchange" in said.out


async def test_two_names_of_one_account_stop_each_other_with_a_notice(tmp_path: Path) -> None:
    [main] = calm_scenario().accounts
    one = replace(main, uid=5)
    scenario = starting_now(replace(calm_scenario(), accounts=(one, replace(one, name="again"))))
    async with sandbox(scenario) as box:
        config = write_config(tmp_path, box.ready, more=repay_config(mode="live"))
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: state.health.duplicate_account == "again", account="main")
            await here.wait_for_state(lambda state: state.health.duplicate_account == "main", account="again")
        said = await asyncio.to_thread(margin_monitor, config, "check", "--json")
        assert said.code == 1
        assert "is the same account of the exchange as" in said.out


@pytest.mark.slow
async def test_a_second_key_that_a_reload_brings_is_compared_before_anything_is_sent(
    tmp_path: Path, database_url: str
) -> None:
    [main] = calm_scenario().accounts
    scenario = replace(
        calm_scenario(),
        accounts=(
            replace(main, keys=(hmac_key("main"), hmac_key("main acts"))),
            replace(main, name="other"),
        ),
    )
    own, strange = hmac_key("main acts"), hmac_key("other")
    async with sandbox(scenario) as box:
        config = config_with_action_key(own, tmp_path, box, database_url, more="")
        async with in_process_run(config, clock_of(box.sandbox)) as turn:
            await knows(
                turn, lambda state: state.keys.action_permissions is not None and state.keys.permissions is not None
            )

            config_with_action_key(strange, tmp_path, box, database_url, more=repay_config(mode="live"))
            turn.reload()
            await knows(turn, lambda state: is_stopped(state, "belongs to another account of the exchange"))
            assert money_requests(box.sandbox.requests) == []

            config_with_action_key(own, tmp_path, box, database_url, more=repay_config(mode="live"))
            turn.reload()
            await eventually(lambda: has_moved(box), 90)
        assert {one.api_key for one in money_requests(box.sandbox.requests)} == {own.api_key}


def config_with_action_key(key: ApiKeySpec, folder: Path, box: RunningSandbox, url: str, *, more: str) -> Path:
    """A config of "main" whose second key is this one."""
    config = write_config(folder, replace(box.ready, accounts=box.ready.accounts[:1]), url=url, more=more)
    acting = f'action_api_key = "{key.api_key}"\naction_api_secret = "{key.api_secret}"'
    config.write_text(config.read_text().replace("[[accounts]]\n", f"[[accounts]]\n{acting}\n"))
    return config


async def knows(turn: DaemonSupervisor, claim: Callable[[AccountState], object]) -> None:
    """Returns once `claim` holds of what the daemon that now runs knows of "main"."""

    async def holds() -> bool:
        state = None if turn.daemon is None else turn.daemon.account_states().get("main")
        return state is not None and bool(claim(state))

    await eventually(holds, 90)


async def has_moved(box: RunningSandbox) -> bool:
    return bool(money_requests(box.sandbox.requests))
