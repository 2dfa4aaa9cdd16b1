"""Answers about the market: one request serves every account that asks, and each has its own rights and duties."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from monitor.errors import ExchangeUnreachable, KeyInvalid
from monitor.exchange.binance.api.response import ApiCredentials
from monitor.exchange.binance.binance_account import BinanceAccount
from monitor.exchange.binance.factory import create_account
from monitor.exchange.binance.shared_market import SharedMarket
from monitor.exchange.binance.signing import HmacSigner
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox, hosts_of
from tests.support.daemon import eventually

MINIMA, TICKERS, INFO = "/sapi/v1/margin/allAssets", "/api/v3/ticker/price", "/api/v3/exchangeInfo"
SLOW = Fault("delay", path=MINIMA, seconds=0.5, count=1)


@dataclass(frozen=True, slots=True)
class TwoAccounts:
    """A sandbox, two accounts of one process, and one more whose key is refused."""

    world: ConnectedSandbox
    main: BinanceAccount
    other: BinanceAccount
    refused: BinanceAccount


@contextlib.asynccontextmanager
async def two_accounts(scenario: Scenario | None = None) -> AsyncIterator[TwoAccounts]:
    calm = scenario or calm_scenario()
    calm = replace(calm, accounts=(*calm.accounts, replace(calm.accounts[0], name="other")))
    async with connected_sandbox(calm) as w, contextlib.AsyncExitStack() as stack:
        market = SharedMarket(w.clock)
        keys = {key["name"]: ApiCredentials(key["api_key"], HmacSigner(key["api_secret"])) for key in w.ready.accounts}
        keys["refused"] = ApiCredentials("unknown", HmacSigner("unknown"))
        accounts: list[BinanceAccount] = []
        for name, credentials in keys.items():
            account = create_account(
                name=name, base_urls=hosts_of(w.ready), credentials=credentials, clock=w.clock, shared_market=market
            )
            accounts.append(await stack.enter_async_context(contextlib.aclosing(account)))
        yield TwoAccounts(w, *accounts)


async def until_requested(w: ConnectedSandbox, path: str, count: int = 1) -> None:
    async def are_there() -> bool:
        return len(w.requests(path)) >= count

    await eventually(are_there)


async def test_one_answer_serves_both_accounts_with_its_own_time_and_neither_of_them_twice() -> None:
    async with two_accounts(replace(calm_scenario(), min_repay={"USDT": Decimal(10)})) as both:
        first = await both.main.reference_data.read_min_repay()
        shared = await both.other.reference_data.read_min_repay()
        assert (shared.content, shared.as_of) == (first.content, first.as_of)
        assert len(both.world.requests(MINIMA)) == 1
        again = await both.main.reference_data.read_min_repay()
        assert again.as_of > first.as_of
        assert (await both.other.reference_data.read_min_repay()).as_of == again.as_of
        assert len(both.world.requests(MINIMA)) == 2


async def test_an_answer_that_is_too_old_is_not_given() -> None:
    async with two_accounts() as both:
        index = await both.main.reference_data.read_index_price("BTCUSDT")
        assert index.value == (await both.other.reference_data.read_index_price("BTCUSDT")).value
        # The basis is index ÷ spot: only a request that is still under way serves another account.
        assert len(both.world.requests("/sapi/v1/margin/priceIndex")) == 2


async def test_requests_at_the_same_time_are_one() -> None:
    async with two_accounts() as both:
        await asyncio.gather(
            *(account.reference_data.read_index_price("BTCUSDT") for account in (both.main, both.other))
        )
        assert len(both.world.requests("/sapi/v1/margin/priceIndex")) == 1


async def test_account_that_ends_during_its_request_leaves_it_to_the_next_one() -> None:
    async with two_accounts() as both:
        both.world.sandbox.add_fault(SLOW)
        first = asyncio.create_task(both.main.reference_data.read_min_repay())
        await until_requested(both.world, MINIMA)
        second = asyncio.create_task(both.other.reference_data.read_min_repay())
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).content is not None
        assert first.cancelled()
        assert len(both.world.requests(MINIMA)) == 2


async def test_refused_key_is_the_trouble_of_its_own_account() -> None:
    async with two_accounts() as both:
        both.world.sandbox.add_fault(SLOW)
        first = asyncio.create_task(both.refused.reference_data.read_min_repay())
        await until_requested(both.world, MINIMA)
        others = [account.reference_data.read_min_repay() for account in (both.main, both.other)]
        await asyncio.gather(*others)
        with pytest.raises(KeyInvalid):
            await first
        assert len(both.world.requests(MINIMA)) == 2


async def test_failure_of_the_exchange_is_shared_by_those_who_wait_and_not_kept() -> None:
    async with two_accounts() as both:
        both.world.sandbox.add_fault(Fault("status", path=MINIMA, status=500, count=3))
        reads = [account.reference_data.read_min_repay() for account in (both.main, both.other)]
        failures = await asyncio.gather(*reads, return_exceptions=True)
        assert [type(failure) for failure in failures] == [ExchangeUnreachable] * 2
        assert len(both.world.requests(MINIMA)) == 3
        await both.other.reference_data.read_min_repay()
        assert len(both.world.requests(MINIMA)) == 4


async def test_prices_of_all_accounts_are_one_request_but_an_order_asks_for_its_own() -> None:
    async with two_accounts() as both:
        await both.main.reference_data.read_prices(["BTCUSDT"])
        await both.other.reference_data.read_prices(["ETHUSDT"])
        before = len(both.world.requests(TICKERS))
        mine, others = await asyncio.gather(
            both.main.reference_data.read_prices(["BTCUSDT"]), both.other.reference_data.read_prices(["ETHUSDT"])
        )
        assert (set(mine), set(others)) == ({"BTCUSDT"}, {"ETHUSDT"})
        [request] = both.world.requests(TICKERS)[before:]
        assert request.params["symbols"] == '["BTCUSDT","ETHUSDT"]'
        assert set(await both.main.read_prices(["ETHUSDT"])) == {"ETHUSDT"}
        assert both.world.requests(TICKERS)[-1].params["symbols"] == '["ETHUSDT"]'
        # An account that has ended needs nothing any more.
        await both.other.aclose()
        await both.main.reference_data.read_prices(["BTCUSDT"])
        assert both.world.requests(TICKERS)[-1].params["symbols"] == '["BTCUSDT"]'


async def test_rules_of_all_symbols_are_one_request() -> None:
    async with two_accounts() as both:
        for account, assets in ((both.main, {"BTC", "USDT"}), (both.other, {"ETH", "USDT"})):
            await account.reference_data.read_symbol_rules(assets, [])
        before = len(both.world.requests(INFO))
        mine, others = await asyncio.gather(
            both.main.reference_data.read_symbol_rules({"BTC", "USDT"}, []),
            both.other.reference_data.read_symbol_rules({"ETH", "USDT"}, []),
        )
        assert (set(mine.content), set(others.content)) == ({"BTCUSDT"}, {"ETHUSDT"})
        assert len(both.world.requests(INFO)) == before + 1


async def test_row_that_is_left_out_is_reported_by_every_account() -> None:
    minima = {"BTC": Decimal("0.001"), "ETH": Decimal("0.01")}
    async with two_accounts(replace(calm_scenario(), min_repay=minima)) as both:
        both.world.sandbox.add_fault(Fault("malformed", path=MINIMA, form="odd_row", count=0))
        for account in (both.main, both.other):
            await account.reference_data.read_min_repay()
        assert len(both.world.requests(MINIMA)) == 1
        told = [account.take_rejected_rows() for account in (both.main, both.other)]
        assert told[0] == told[1]
        assert len(told[0]) == 1
