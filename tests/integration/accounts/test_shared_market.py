"""Two accounts of one daemon: one market connection, shared reads, and no account that feels another one's trouble."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from monitor.core.state.account_state import AccountState
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, Scenario, initial_balance
from monitor.sandbox.server import Sandbox
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox

BOTH = ("main", "other")
OTHER = AccountSpec(name="other", cross={"SOL": initial_balance("900"), "USDT": initial_balance(borrowed="30000")})

REFUSING = """
CREATE TRIGGER refusing BEFORE INSERT ON alerts WHEN NEW.account = 'other'
BEGIN SELECT RAISE(ABORT, 'somebody tampered with this table'); END
"""


def two_accounts() -> Scenario:
    """The calm account, and one that holds another asset."""
    calm = calm_scenario()
    return replace(calm, accounts=(*calm.accounts, OTHER), prices={**calm.prices, "SOLUSDT": Decimal(150)})


def market_connections(box: Sandbox) -> list[int]:
    return [connection.number for connection in box.connections if connection.stream == "market"]


async def until_connected(here: InProcessDaemon) -> None:
    for name in BOTH:
        await here.wait_for_state(lambda state: len(connected(state)) == 3 and state.cross, account=name)


def connected(state: AccountState) -> list[str]:
    return [name for name, stream in state.streams.items() if stream.connected]


def has_price(symbol: str, value: Decimal, state: AccountState) -> bool:
    return symbol in state.prices.newest and state.prices.newest[symbol].value == value


async def test_two_accounts_of_a_daemon_share_one_market_connection(tmp_path: Path) -> None:
    async with sandbox(two_accounts()) as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await until_connected(here)
            assert len(market_connections(box.sandbox)) == 1
            assert set(here.state("main").streams["market"].subscriptions) == {"BTCUSDT", "ETHUSDT"}
            assert set(here.state("other").streams["market"].subscriptions) == {"BTCUSDT", "SOLUSDT"}
            for name, symbol, price in (("main", "ETHUSDT", Decimal(3100)), ("other", "SOLUSDT", Decimal(151))):
                box.sandbox.user_actions.set_price(symbol, price)
                await here.wait_for_state(partial(has_price, symbol, price), account=name)
            assert "SOLUSDT" not in here.state("main").prices.newest


async def test_lost_connection_blinds_both_accounts_until_it_is_back(tmp_path: Path) -> None:
    async with sandbox(two_accounts()) as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await until_connected(here)
            box.sandbox.add_fault(Fault(what="refuse", stream="market", seconds=3600))
            box.sandbox.add_fault(Fault(what="drop", stream="market"))
            for name in BOTH:
                await here.wait_for_state(lambda state: not state.streams["market"].connected, account=name)
            box.sandbox.clear_faults()
            await until_connected(here)
            assert len(market_connections(box.sandbox)) == 1


async def test_failing_account_leaves_the_market_connection_of_the_other(tmp_path: Path) -> None:
    async with sandbox(two_accounts()) as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await until_connected(here)
            [link] = market_connections(box.sandbox)
            before = here.state("main").streams["market"]
            with closing(sqlite3.connect(tmp_path / "monitor.db")) as database, database:
                database.execute(REFUSING)
            # 900 × 35 ÷ 30000 is below its margin call.
            box.sandbox.user_actions.set_price("SOLUSDT", Decimal(35))

            async def has_failed() -> bool:
                return "tampered" in here.daemon.failing_accounts.get("other", "")

            await eventually(has_failed, 60)
            box.sandbox.user_actions.set_price("ETHUSDT", Decimal(3100))
            await here.wait_for_state(lambda state: state.prices.newest["ETHUSDT"].value == 3100)
            assert market_connections(box.sandbox) == [link]
            now = here.state("main").streams["market"]
            assert (now.connects, now.changed_at) == (before.connects, before.changed_at)


async def test_ban_that_one_account_meets_keeps_the_other_from_asking(tmp_path: Path) -> None:
    async with sandbox(two_accounts()) as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await until_connected(here)
            box.sandbox.add_fault(Fault("ban", account="main", seconds=3600))
            # The address is banned, whichever account's request was answered so.
            await here.wait_for_state(
                lambda state: state.polling.last_failure and "held back" in state.polling.last_failure.cause,
                account="other",
            )
            assert {request.account for request in box.sandbox.requests if request.fault == "ban"} == {"main"}


MARKET_WEIGHTS = {
    "/api/v3/ticker/price": 4,
    "/api/v3/exchangeInfo": 20,
    "/sapi/v1/margin/priceIndex": 10,
    "/sapi/v1/margin/allAssets": 1,
    "/sapi/v1/margin/allPairs": 1,
    "/sapi/v1/margin/restricted-asset": 1,
    "/sapi/v1/margin/delist-schedule": 100,
    "/sapi/v1/margin/crossMarginCollateralRatio": 100,
    "/sapi/v1/spot/asset/tags": 100,
}
"""Requests about the market, which concern no account, by path with their weights."""

SPEED = 60
SPAN = timedelta(minutes=25)


async def weights_of_start(folder: Path, *names: str) -> tuple[int, int]:
    """Return the weight of requests about the market, and of all requests, for these accounts."""
    calm = calm_scenario()
    accounts = tuple(replace(calm.accounts[0], name=name) for name in names)
    async with sandbox(replace(calm, accounts=accounts), speed=SPEED, ping_every_s=5) as box:
        pace = {"cross": "60s", "isolated": "60s", "near_liquidation": "2s"}
        clock = clock_of(box.sandbox)
        began = clock.now()
        async with in_process_daemon(write_config(folder, box.ready, schedule=pace), clock) as here:

            async def has_passed() -> bool:
                return clock.now() - began >= SPAN

            await eventually(has_passed, 60, given_up=lambda: here.task.done())
            market = sum(MARKET_WEIGHTS.get(request.path, 0) for request in box.sandbox.requests)
            return market, box.sandbox.ip_weight_spent


@pytest.mark.slow
async def test_market_reads_of_two_accounts_weigh_like_those_of_one(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one_market, one = await weights_of_start(tmp_path / "one", "main")
    two_market, two = await weights_of_start(tmp_path / "two", *BOTH)
    assert two_market < 1.3 * one_market, (one_market, two_market)
    # Balances, debts and orders are each account's own: the market's share is all that is saved.
    assert two - two_market > 1.5 * (one - one_market), (one, two)
