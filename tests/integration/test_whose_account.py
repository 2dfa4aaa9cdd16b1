"""Money is moved in the account that is watched, and in each account of the exchange by one set of caps."""

import asyncio
from dataclasses import replace
from pathlib import Path

from monitor.core.state import AccountState
from monitor.sandbox.scenarios import calm
from tests.support.command import margin_monitor
from tests.support.daemon import daemon_here, starting_now, write_config
from tests.support.money import money_requests, repays
from tests.support.sandbox import Running, sandbox


def of_another(folder: Path, box: Running) -> Path:
    """A config whose second key is that of the other account."""
    main, other = box.ready.accounts
    config = write_config(folder, replace(box.ready, accounts=(main,)), more=repays(mode="live"))
    acting = f'action_api_key = "{other["api_key"]}"\naction_api_secret = "{other["api_secret"]}"'
    config.write_text(config.read_text().replace("[[accounts]]\n", f"[[accounts]]\n{acting}\n"))
    return config


def is_stopped(state: AccountState, words: str) -> bool:
    return any(words in stop.reason for stop in state.blocked.values())


async def test_a_second_key_of_somebody_else_moves_nothing(tmp_path: Path) -> None:
    [main] = calm().accounts
    scenario = starting_now(replace(calm(), accounts=(main, replace(main, name="other"))))
    async with sandbox(scenario) as box:
        config = of_another(tmp_path, box)
        async with daemon_here(config) as here:
            await here.until(lambda state: is_stopped(state, "belongs to another account of the exchange"))
        assert money_requests(box.sandbox.requests) == []
        said = await asyncio.to_thread(margin_monitor, config, "check", "--json")
        assert said.code == 1
        assert "belongs to another account of the exchange" in said.out


async def test_two_keys_of_one_account_are_told_and_stop_each_other(tmp_path: Path) -> None:
    [main] = calm().accounts
    one = replace(main, uid=5)
    scenario = starting_now(replace(calm(), accounts=(one, replace(one, name="again"))))
    async with sandbox(scenario) as box:
        config = write_config(tmp_path, box.ready, more=repays(mode="live"))
        async with daemon_here(config) as here:
            await here.until(lambda state: state.health.twin == "again", account="main")
            await here.until(lambda state: state.health.twin == "main", account="again")
        said = await asyncio.to_thread(margin_monitor, config, "check", "--json")
        assert said.code == 1
        assert "is the same account of the exchange as" in said.out
