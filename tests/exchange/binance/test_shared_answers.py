"""Answers about the market: one request serves every account that asks, and each has its own rights and duties."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
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
INDEX = "/sapi/v1/margin/priceIndex"
SLOW = Fault("delay", path=MINIMA, seconds=0.5, count=1)


@dataclass(frozen=True, slots=True)
class TwoAccounts:
    """A sandbox, two accounts of one process, and one more whose key is refused."""

    world: ConnectedSandbox
    main: BinanceAccount
    other: BinanceAccount
    refused: BinanceAccount


@contextlib.asynccontextmanager
async def two_accounts(scenario: Scenario | None = None, speed: float = 1) -> AsyncIterator[TwoAccounts]:
    calm = scenario or calm_scenario()
    calm = replace(calm, accounts=(*calm.accounts, replace(calm.accounts[0], name="other")))
    async with connected_sandbox(calm, speed=speed) as w, contextlib.AsyncExitStack() as stack:
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
        assert len(both.world.requests(INDEX)) == 2


async def test_requests_at_the_same_time_are_one() -> None:
    async with two_accounts() as both:
        await asyncio.gather(
            *(account.reference_data.read_index_price("BTCUSDT") for account in (both.main, both.other))
        )
        assert len(both.world.requests(INDEX)) == 1


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


async def test_request_that_fails_is_repeated_by_the_next_account_on_its_own_connection() -> None:
    async with two_accounts() as both:
        both.world.sandbox.add_fault(Fault("status", path=MINIMA, account="main", status=500, count=0))
        first, second = await asyncio.gather(
            both.main.reference_data.read_min_repay(),
            both.other.reference_data.read_min_repay(),
            return_exceptions=True,
        )
        assert isinstance(first, ExchangeUnreachable)
        assert not isinstance(second, BaseException)


async def test_request_without_an_answer_holds_only_its_own_account() -> None:
    async with two_accounts() as both:
        both.world.sandbox.add_fault(Fault("hang", path=MINIMA))
        hung = asyncio.create_task(both.main.reference_data.read_min_repay())
        await until_requested(both.world, MINIMA)
        joined = await both.other.reference_data.read_min_repay()
        assert not hung.done()
        assert len(both.world.requests(MINIMA)) == 2
        # Its answer serves the next account; a request that hangs since long is not even joined.
        third = await both.refused.reference_data.read_min_repay()
        assert third.as_of == joined.as_of
        hung.cancel()


async def test_request_that_ends_late_leaves_a_newer_one_to_be_joined() -> None:
    async with two_accounts() as both:
        both.world.sandbox.add_fault(Fault("hang", path=INDEX, count=2))
        first = asyncio.create_task(both.main.reference_data.read_index_price("BTCUSDT"))
        await until_requested(both.world, INDEX)
        second = asyncio.create_task(both.other.reference_data.read_index_price("BTCUSDT"))
        await until_requested(both.world, INDEX, 2)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        again = asyncio.create_task(both.main.reference_data.read_index_price("BTCUSDT"))
        assert (await again).value
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second


async def test_answer_that_is_kept_has_its_time_by_the_corrected_clock() -> None:
    async with two_accounts() as both:
        clock = both.world.clock
        first = await both.main.reference_data.read_min_repay()
        ahead, now_s = timedelta(seconds=30), clock.elapsed_s()
        clock.invalidate()
        clock.record_measurement(clock.moment_of(now_s) + ahead, now_s, now_s)
        shared = await both.other.reference_data.read_min_repay()
        assert len(both.world.requests(MINIMA)) == 1
        # To a microsecond: the two moments are rounded each by itself.
        assert abs(shared.as_of - first.as_of - ahead) <= timedelta(microseconds=2)


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


async def test_unknown_symbol_of_one_account_is_asked_for_once() -> None:
    # Faster than the machine, so that minutes can pass at once.
    async with two_accounts(speed=2) as both:

        async def read(account: BinanceAccount, *symbols: str) -> set[str]:
            return set(await account.reference_data.read_prices(symbols))

        def lists(since: int) -> list[str | None]:
            return [request.params.get("symbols") for request in both.world.requests(TICKERS)[since:]]

        assert await read(both.other, "ETHUSDT", "TRYUSDT") == {"ETHUSDT"}
        assert lists(0) == ['["ETHUSDT","TRYUSDT"]', None]
        assert await read(both.main, "BTCUSDT") == {"BTCUSDT"}
        assert await read(both.other, "ETHUSDT", "TRYUSDT") == {"ETHUSDT"}
        assert set(lists(2)) <= {'["BTCUSDT","ETHUSDT"]'}
        # It may be listed some time.
        both.world.pass_time(601)
        assert await read(both.main, "BTCUSDT") == {"BTCUSDT"}
        assert lists(-2) == ['["BTCUSDT","ETHUSDT","TRYUSDT"]', None]
        assert await both.other.reference_data.read_prices(["TRYUSDT"]) == {}


async def test_unknown_symbol_of_one_account_leaves_the_rules_of_the_others() -> None:
    async with two_accounts() as both:
        await both.other.reference_data.read_symbol_rules(set(), [], ["BTCUSDT"])
        # The list with an unknown symbol is refused, and the answer without one does not come.
        both.world.sandbox.add_fault(Fault("status", path=INFO, nth=2, count=3, status=500))
        unknown = both.other.reference_data.read_symbol_rules(set(), [], ["GONEUSDT"])
        with pytest.raises(ExchangeUnreachable):
            await unknown
        both.world.sandbox.add_fault(Fault("status", path=INFO, nth=2, count=3, status=500))
        found = await both.main.reference_data.read_symbol_rules(set(), [], ["ETHUSDT"])
        assert set(found.content) == {"ETHUSDT"}


async def test_list_refused_for_another_reason_is_asked_for_without_a_list() -> None:
    async with two_accounts() as both:
        both.world.sandbox.add_fault(
            Fault("status", path=TICKERS, status=400, code=-1100, message="Illegal characters")
        )
        assert set(await both.main.reference_data.read_prices(["BTCUSDT"])) == {"BTCUSDT"}


async def test_rules_of_many_symbols_are_asked_for_by_the_hundred_for_all_accounts_together() -> None:
    symbols = [f"A{number:03d}USDT" for number in range(150)]
    calm = calm_scenario()
    async with two_accounts(replace(calm, prices={**calm.prices, **dict.fromkeys(symbols, Decimal(1))})) as both:
        parts = {both.main: symbols[:120], both.other: symbols[30:]}
        for account, wanted in parts.items():
            await account.reference_data.read_symbol_rules(set(), [], wanted)
        before = len(both.world.requests(INFO))
        found = await asyncio.gather(
            *(account.reference_data.read_symbol_rules(set(), [], wanted) for account, wanted in parts.items())
        )
        assert [set(answer.content) for answer in found] == [set(wanted) for wanted in parts.values()]
        requests = both.world.requests(INFO)[before:]
        assert [len(json.loads(request.params["symbols"])) for request in requests] == [100, 50]


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


async def test_row_of_a_symbol_is_reported_by_the_accounts_that_need_it() -> None:
    async with two_accounts() as both:
        rows = '[{"symbol":"BTCUSDT","price":"60000"},{"symbol":"ETHUSDT","price":7},{"price":"1"}]'
        both.world.sandbox.add_fault(Fault("status", path=TICKERS, status=200, body=rows, count=0))
        for account, symbol in ((both.main, "BTCUSDT"), (both.other, "ETHUSDT")):
            await account.reference_data.read_prices([symbol])
        mine, others = both.main.take_rejected_rows(), both.other.take_rejected_rows()
        # Whose the third row is can't be known.
        assert ["row 3" in text for text in mine] == [True]
        assert [("ETHUSDT" in text, "row 3" in text) for text in others] == [(True, False), (False, True)]
