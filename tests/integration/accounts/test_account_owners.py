"""Caps belong to the exchange's account: one of it has one name, and no other name begins a new day."""

import asyncio
import signal
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from monitor.core.state.account_state import AccountState
from monitor.errors import ExitCode
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario, hmac_key
from monitor.sandbox.server import SandboxInfo
from tests.support.command import margin_monitor
from tests.support.daemon import (
    DaemonProcess,
    daemon_process,
    eventually,
    in_process_daemon,
    starting_now,
    write_config,
)
from tests.support.money_actions import intents, money_requests, requested_total
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import HttpSink, http_sink

D = Decimal
CAP = D(100)
IDENTITY = "/api/v3/account"
REFUSED = 'accounts "again": is the same account of the exchange as account "main"; take one of the two out'

REPAYS = """
[[rules]]
name = "acts"
scope = "cross"
when = "margin_level < 9"
severity = "info"
actions = ["{action}"]

[[actions]]
name = "{action}"
kind = "repay"
mode = "live"
asset = "USDT"
amount = "60"
max_amount = "60"
max_per_day = "100"
cooldown = "1s"
"""
"""An alert that always fires repays 60, then 40, and then the day is used up."""

STARTED = "daemon.started"


def of_two_keys() -> Scenario:
    """One account at the exchange, and two keys of it."""
    [main] = calm_scenario().accounts
    return starting_now(replace(calm_scenario(), accounts=(replace(main, keys=(hmac_key("main"), hmac_key("again"))),)))


def ready_with_keys(ready: SandboxInfo, *names: str) -> SandboxInfo:
    """The one account of the sandbox by these keys of its own, each under the name of the key."""
    keys = [hmac_key(name) for name in names]
    accounts = tuple(
        {"name": name, "api_key": key.api_key, "api_secret": key.api_secret}
        for name, key in zip(names, keys, strict=True)
    )
    return replace(ready, accounts=accounts)


def renamed(ready: SandboxInfo, name: str) -> SandboxInfo:
    [one] = ready.accounts
    return replace(ready, accounts=({**one, "name": name},))


def is_stopped(state: AccountState, words: str) -> bool:
    return any(words in stop.reason for stop in state.action_blocks.values())


def texts(sink: HttpSink, severity: str) -> list[str]:
    found = [one.json() for one in list(sink.received)]
    return [str(one["text"]) for one in found if one["reason"] == "notice" and one["severity"] == severity]


def owner_reads(box: RunningSandbox) -> int:
    return sum(request.path == IDENTITY for request in box.sandbox.requests)


async def refusal_of(config: Path) -> str:
    """What `run` says to this configuration before it ends."""
    async with daemon_process(config) as child:
        assert await child.wait_for_exit(30) == ExitCode.CONFIG, child.text
        return child.text


async def test_two_keys_of_one_account_are_refused_at_the_start_and_later_without_asking(tmp_path: Path) -> None:
    async with sandbox(of_two_keys()) as box:
        for name in ("main", "again"):
            alone = write_config(tmp_path, ready_with_keys(box.ready, name), name=f"{name}.toml")
            async with in_process_daemon(alone) as here:
                await here.wait_for_state(lambda state: state.keys.owner is not None, account=name)
        config = write_config(tmp_path, ready_with_keys(box.ready, "main", "again"), more=REPAYS.format(action="repay"))
        # What is remembered of the keys is enough.
        box.sandbox.add_fault(Fault("status", path=IDENTITY, count=0))
        before = owner_reads(box)
        assert REFUSED in await refusal_of(config)
        assert owner_reads(box) == before
        said = await asyncio.to_thread(margin_monitor, config, "check", "--offline", "--json")
        assert said.code == 1
        assert "is the same account of the exchange as main" in said.out
        assert money_requests(box.sandbox.requests) == []


async def test_two_keys_of_one_exchange_account_are_refused(tmp_path: Path) -> None:
    async with sandbox(of_two_keys()) as box:
        config = write_config(tmp_path, ready_with_keys(box.ready, "main", "again"), more=REPAYS.format(action="repay"))
        assert REFUSED in await refusal_of(config)
        assert money_requests(box.sandbox.requests) == []


async def test_late_discovery_of_a_shared_account_stops_both_with_a_notice(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(of_two_keys()) as box:
            ready = ready_with_keys(box.ready, "main", "again")
            config = write_config(tmp_path, ready, channels={"phone": sink.url}, more=REPAYS.format(action="repay"))
            box.sandbox.add_fault(Fault("status", path=IDENTITY, count=0))
            async with in_process_daemon(config) as here:
                for name in ("main", "again"):
                    await here.wait_for_state(lambda state: is_stopped(state, "is not known yet"), account=name)
                assert money_requests(box.sandbox.requests) == []
                box.sandbox.clear_faults()
                await here.wait_for_state(lambda state: is_stopped(state, "again is the same account"), account="main")
                await here.wait_for_state(lambda state: is_stopped(state, "main is the same account"), account="again")

                async def is_told() -> bool:
                    return any(
                        "main and again are the same account of the exchange" in text
                        for text in texts(sink, "critical")
                    )

                await eventually(is_told)
            assert money_requests(box.sandbox.requests) == []


async def test_nothing_is_sent_before_all_account_owners_are_known(tmp_path: Path) -> None:
    [main] = calm_scenario().accounts
    scenario = starting_now(replace(calm_scenario(), accounts=(main, replace(main, name="other"))))
    async with sandbox(scenario) as box:
        config = write_config(tmp_path, box.ready, more=REPAYS.format(action="repay"))
        box.sandbox.add_fault(Fault("status", path=IDENTITY, account="other", count=0))
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: is_stopped(state, "whose account other is, is not known yet"))
            assert money_requests(box.sandbox.requests) == []
            box.sandbox.clear_faults()
            await here.wait_for_state(lambda state: is_stopped(state, "max_per_day is used up"))
            await here.wait_for_state(lambda state: is_stopped(state, "max_per_day is used up"), account="other")
        assert requested_total(money_requests(box.sandbox.requests)) == 2 * CAP


async def spend_the_day(config: Path, account: str = "main") -> None:
    async with in_process_daemon(config) as here:
        await here.wait_for_state(lambda state: is_stopped(state, "max_per_day is used up"), account=account)


async def test_renamed_action_keeps_its_daily_usage(tmp_path: Path, database_url: str) -> None:
    async with sandbox(starting_now()) as box:
        for action in ("repay", "repay-usdt"):
            more = REPAYS.format(action=action)
            await spend_the_day(write_config(tmp_path, box.ready, url=database_url, more=more))
            assert requested_total(money_requests(box.sandbox.requests)) == CAP


async def test_renamed_account_keeps_its_daily_usage(tmp_path: Path, database_url: str) -> None:
    async with sandbox(starting_now()) as box:
        for name in ("main", "mine"):
            ready = renamed(box.ready, name)
            config = write_config(tmp_path, ready, url=database_url, more=REPAYS.format(action="repay"))
            await spend_the_day(config, name)
            assert requested_total(money_requests(box.sandbox.requests)) == CAP


async def reload(child: DaemonProcess, config: Path, by: Path, line: str) -> None:
    """Put the other configuration in the place of the daemon's, and let it be looked at."""
    await asyncio.to_thread(by.replace, config)
    child.send(signal.SIGHUP)
    await child.wait_for_line(line)


async def test_reload_refuses_a_duplicate_account_and_keeps_daily_usage(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(of_two_keys()) as box:
            channels, more = {"phone": sink.url}, REPAYS.format(action="repay")
            config = write_config(tmp_path, ready_with_keys(box.ready, "main"), channels=channels, more=more)
            async with daemon_process(config) as child:

                async def is_spent() -> bool:
                    return requested_total(money_requests(box.sandbox.requests)) == CAP

                await child.wait_for_line(STARTED)
                await eventually(is_spent, story=lambda: child.text)
                both = write_config(
                    tmp_path,
                    ready_with_keys(box.ready, "main", "again"),
                    channels=channels,
                    more=more,
                    name="both.toml",
                )
                await reload(child, config, both, "config.reload_failed")
                assert REFUSED in child.text
                other = write_config(
                    tmp_path, ready_with_keys(box.ready, "again"), channels=channels, more=more, name="o.toml"
                )
                await reload(child, config, other, "config.reloaded")

                async def is_stopped_by_the_cap() -> bool:
                    said = await asyncio.to_thread(margin_monitor, config, "status", "--json")
                    return "max_per_day is used up" in said.out

                await eventually(is_stopped_by_the_cap, 30, story=lambda: child.text)
            assert requested_total(money_requests(box.sandbox.requests)) == CAP
            assert {one.account for one in intents(tmp_path)} == {"main"}
