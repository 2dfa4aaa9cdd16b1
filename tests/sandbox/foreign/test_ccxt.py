"""ccxt: its unified functions and its raw ones over the endpoints that the daemon uses."""

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import pytest

from tests.support.sandbox import RunningSandbox

# The discard port of this machine, where nothing listens.
NOWHERE = "http://127.0.0.1:9"

# ccxt hands aiohttp an argument that later Pythons have no need for.
pytestmark = pytest.mark.filterwarnings("ignore:enable_cleanup_closed ignored:DeprecationWarning")


@pytest.fixture
def ccxt() -> Any:
    """The library, imported where it is needed: each worker collects this module, and one or two run its tests."""
    return import_module("ccxt.async_support")


@pytest.fixture
async def exchange(running: RunningSandbox, ccxt: Any) -> AsyncIterator[Any]:
    rest_url, account = running.ready.rest_url, running.ready.accounts[0]
    one = ccxt.binance(
        {
            "apiKey": account["api_key"],
            "secret": account["api_secret"],
            "enableRateLimit": False,
            # Currencies come from an endpoint of withdrawals, which no monitor needs.
            "options": {"fetchCurrencies": False, "fetchMarkets": {"types": ["spot"]}, "fetchMargins": True},
        }
    )
    for family in ("api", "test", "demo"):
        one.urls[family] = dict.fromkeys(one.urls[family], NOWHERE)
    for name, path in (
        ("public", "/api/v3"), ("private", "/api/v3"), ("v1", "/api/v1"), ("sapi", "/sapi/v1"),
        ("sapiV2", "/sapi/v2"), ("sapiV3", "/sapi/v3"), ("sapiV4", "/sapi/v4"),
    ):  # fmt: skip
        one.urls["api"][name] = f"{rest_url}{path}"
    yield one
    await one.close()


def _leaves(value: Any) -> list[str]:
    return [leaf for one in value.values() for leaf in _leaves(one)] if isinstance(value, dict) else [str(value)]


async def test_every_address_is_overridden(exchange: Any) -> None:
    used = [url for family in ("api", "test", "demo") for url in _leaves(exchange.urls[family])]
    assert {url.split(":")[1] for url in used} == {"//127.0.0.1"}


async def test_markets_load_with_their_steps(exchange: Any) -> None:
    markets = await exchange.load_markets()
    market = markets["BTC/USDT"]
    assert (market["spot"], market["margin"], market["active"]) == (True, True, True)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert market["limits"]["cost"]["min"] == 5.0


async def test_balances_of_every_wallet_are_read(exchange: Any) -> None:
    await exchange.load_markets()
    cross = await exchange.fetch_balance({"type": "margin"})
    assert (cross["BTC"]["total"], cross["USDT"]["debt"] > 19_000) == (0.99, True)
    isolated = await exchange.fetch_balance({"marginMode": "isolated", "symbols": ["SOL/USDT"]})
    assert isolated["SOL/USDT"]["SOL"]["free"] == 10.0
    assert (await exchange.fetch_balance({"type": "spot"}))["USDT"]["free"] == 4995.0
    assert (await exchange.fetch_balance({"type": "funding"}))["USDT"]["free"] == 70.0


async def test_loans_leave_interest_and_records(exchange: Any) -> None:
    await exchange.load_markets()
    borrowed = await exchange.borrow_cross_margin("USDT", 12.5)
    repaid = await exchange.repay_cross_margin("USDT", 12.5)
    assert borrowed["id"] != repaid["id"]
    await exchange.repay_isolated_margin("SOL/USDT", "USDT", 5)
    charges = await exchange.fetch_borrow_interest("USDT")
    assert {row["currency"] for row in charges} == {"USDT"}
    assert (await exchange.fetch_borrow_interest(None, "SOL/USDT"))[0]["marginMode"] == "isolated"
    records = await exchange.sapi_get_margin_borrow_repay({"type": "REPAY", "txId": repaid["id"]})
    assert [row["amount"] for row in records["rows"]] == ["12.50000000"]


async def test_rates_and_terms_are_read(exchange: Any) -> None:
    await exchange.load_markets()
    assert (await exchange.fetch_cross_borrow_rate("BTC"))["rate"] == 0.0000411
    assert (await exchange.fetch_isolated_borrow_rate("SOL/USDT"))["quote"] == "USDT"
    assert (await exchange.fetch_borrow_rate_history("BTC", limit=5))[0]["currency"] == "BTC"
    tiers = await exchange.sapi_get_margin_isolatedmargintier({"symbol": "BTCUSDT"})
    assert tiers[0]["liquidationRiskRatio"] == "1.05"
    assert (await exchange.sapi_get_margin_tradecoeff())["forceLiquidationBar"] == "1.1"
    assert await exchange.sapi_get_margin_crossmargincollateralratio()
    assert (await exchange.sapi_get_margin_next_hourly_interest_rate({"assets": "BTC,ETH", "isIsolated": "FALSE"}))[1]


async def test_transfers_show_in_the_history(exchange: Any, ccxt: Any) -> None:
    await exchange.load_markets()
    moved = await exchange.transfer("USDT", 7, "spot", "cross")
    history = await exchange.fetch_transfers("USDT", params={"fromAccount": "spot", "toAccount": "cross"})
    assert moved["id"] in [row["id"] for row in history]
    # The direct way to a pair is one that the official list no longer has.
    with pytest.raises(ccxt.ExchangeError):
        await exchange.transfer("USDT", 7, "spot", "isolated", {"symbol": "SOL/USDT"})
    flow = await exchange.sapi_get_margin_capital_flow({"type": "TRANSFER"})
    assert flow[-1]["tranId"] == moved["id"]


async def test_orders_live_and_end(exchange: Any, ccxt: Any) -> None:
    await exchange.load_markets()
    margin = {"marginMode": "cross"}
    repaying = margin | {"sideEffectType": "AUTO_REPAY"}
    sold = await exchange.create_order("BTC/USDT", "market", "sell", 0.01, None, repaying)
    assert (sold["status"], sold["filled"]) == ("closed", 0.01)
    placed = await exchange.create_order("BTC/USDT", "limit", "sell", 0.01, 90000, margin)
    assert (await exchange.fetch_order(placed["id"], "BTC/USDT", margin))["status"] == "open"
    assert [row["id"] for row in await exchange.fetch_open_orders("BTC/USDT", params=margin)] == [placed["id"]]
    ended = await exchange.cancel_order(placed["id"], "BTC/USDT", margin)
    assert ended["status"] == "canceled"
    assert len(await exchange.fetch_orders("BTC/USDT", params=margin)) == 3
    assert len(await exchange.fetch_my_trades("BTC/USDT", params=margin)) == 2
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order(placed["id"], "BTC/USDT", margin)


async def test_refusals_become_its_own_exceptions(exchange: Any, ccxt: Any) -> None:
    await exchange.load_markets()
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order("BTC/USDT", "market", "sell", 50, None, {"marginMode": "cross"})
    with pytest.raises(ccxt.BadSymbol):
        await exchange.sapi_get_margin_priceindex({"symbol": "NOPE"})


async def test_listen_tokens_are_made(exchange: Any) -> None:
    cross = await exchange.sapi_post_userlistentoken()
    pair = await exchange.sapi_post_userlistentoken({"isIsolated": "true", "symbol": "SOLUSDT"})
    assert cross["token"] != pair["token"]


async def test_retired_paths_fail(exchange: Any, running: RunningSandbox, ccxt: Any) -> None:
    before = running.sandbox.venue.movements[:]
    for call in (
        exchange.sapi_get_margin_asset,
        exchange.sapi_post_margin_loan,
        exchange.sapi_post_margin_transfer,
        exchange.sapi_get_margin_dust,
        exchange.sapi_get_margin_leveragebracket,
    ):
        with pytest.raises(ccxt.BaseError):
            await call({"asset": "BTC", "amount": "1", "type": "1"})
    assert running.sandbox.venue.movements == before
