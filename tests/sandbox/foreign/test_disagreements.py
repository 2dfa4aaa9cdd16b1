"""Where real clients differ from the facts that this program goes by; docs/exchange.md says the same."""

import asyncio
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.scenario.scenario import AccountSpec, Scenario, initial_balance
from tests.sandbox.foreign import disagreements, test_ccxt, test_official_sdk, test_python_binance
from tests.sandbox.foreign.disagreements import CLIENTS, DISAGREEMENTS, page
from tests.support.sandbox import RunningSandbox, sandbox

with warnings.catch_warnings():
    # It still imports names that its own dependencies call deprecated.
    warnings.simplefilter("ignore")
    from binance.client import Client
    from binance.exceptions import BinanceAPIException

# ccxt hands aiohttp an argument that later Pythons have no need for.
pytestmark = pytest.mark.filterwarnings("ignore:enable_cleanup_closed ignored:DeprecationWarning")

ccxt = test_ccxt.ccxt
exchange = test_ccxt.exchange
client = test_python_binance.client
PAGE = Path(__file__).parents[3] / "docs" / "exchange.md"


def test_exchange_page_matches_this_table() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert page(written) == written, "run `./dev run python -m tests.sandbox.foreign.disagreements docs/exchange.md`"


def test_every_disagreement_names_a_test_that_is_there() -> None:
    shown = {name for module in (test_ccxt, test_official_sdk, test_python_binance) for name in vars(module)}
    assert {one.test for one in DISAGREEMENTS} <= shown | set(globals())
    assert {one.client for one in DISAGREEMENTS} == set(CLIENTS)


async def test_the_sdk_can_not_read_the_empty_answer_of_small_liabilities() -> None:
    owing = AccountSpec(cross={"USDT": initial_balance("1000"), "XRP": initial_balance(borrowed="1")})
    start = datetime.now(UTC).replace(microsecond=0)
    async with sandbox(Scenario(start=start, accounts=(owing,)), anchor=start.timestamp()) as running:
        rest = test_official_sdk.rest_api(running)
        with pytest.raises(Exception, match=r"(?i)json|parse|expecting"):
            await asyncio.to_thread(rest.small_liability_exchange, asset_names="XRP")
        assert running.sandbox.requests[-1].applied


async def test_python_binance_asks_the_delist_schedule_with_two_slashes(client: Any, running: RunningSandbox) -> None:
    with pytest.raises(BinanceAPIException):
        await asyncio.to_thread(client.get_margin_delist_schedule)
    assert running.sandbox.requests[-1].path == "/sapi/v1//margin/delist-schedule"


def test_python_binance_lacks_seven_familiar_names() -> None:
    assert len(disagreements.missing_names()) == 7


async def test_listen_tokens_are_asked_for_signed_and_unsigned(
    client: Any, exchange: Any, running: RunningSandbox
) -> None:
    await asyncio.to_thread(client.margin_create_listen_token)
    signed = running.sandbox.requests[-1]
    await exchange.sapi_post_userlistentoken()
    unsigned = running.sandbox.requests[-1]
    assert {signed.path, unsigned.path} == {"/sapi/v1/userListenToken"}
    assert ("timestamp" in signed.params, "timestamp" in unsigned.params) == (True, False)
    assert (signed.status, unsigned.status) == (200, 200)


async def test_python_binance_sends_sapi_to_production_whatever_is_set() -> None:
    plain = object.__new__(Client)
    plain.testnet = True
    assert plain._create_margin_api_uri("x").startswith(Client.MARGIN_API_URL)
