"""Every function, called on the sandbox as its signature says: the answer decodes to the declared type."""

import inspect
import typing
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from monitor.core.model.order import Accepted
from monitor.exchange.binance.api.catalogue import FUNCTIONS
from monitor.exchange.binance.api.endpoint_function import ReadFunction, WriteFunction
from monitor.exchange.binance.api.orders import create_margin_order
from monitor.exchange.binance.rate_limits import WeightBudget, weight_pool
from monitor.exchange.binance.wire.field_types import DecimalText
from monitor.sandbox.scenario.scenario import (
    AccountSpec,
    ApiInterpretations,
    PairSpec,
    RequestLimits,
    Scenario,
    initial_balance,
)
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox

D = Decimal

SCENARIO = Scenario(
    start=datetime(2026, 3, 1, 13, 5, tzinfo=UTC),
    accounts=(
        AccountSpec(
            spot={"USDT": D(5000), "BNB": D(2)},
            funding={"USDT": D(10)},
            cross={
                "BTC": initial_balance("2"),
                "USDT": initial_balance("1000", borrowed="20000"),
                "ADA": initial_balance("1"),
                "ETH": initial_balance("1", borrowed="0.001"),
            },
            isolated={
                "SOLUSDT": PairSpec(base=initial_balance("10"), quote=initial_balance("5", borrowed="500")),
                "ADAUSDT": PairSpec(quote=initial_balance("5")),
                "XRPUSDT": PairSpec(enabled=False),
                "XLMUSDT": PairSpec(),
            },
        ),
    ),
    prices={"BTCUSDT": D(60_000), "SOLUSDT": D(200)},
    limits=RequestLimits(loan_delay_s=0),
    readings=ApiInterpretations(direct_isolated_transfer=True),
)

READS: dict[str, dict[str, Any]] = {
    "get_margin_account": {},
    "get_isolated_margin_account": {"symbols": ["SOLUSDT"]},
    "get_margin_trade_coeff": {},
    "get_max_margin_loan": {"asset": "USDT", "isolated_symbol": "SOLUSDT"},
    "get_max_margin_transfer": {"asset": "USDT"},
    "get_margin_fee": {"coin": "BTC"},
    "get_isolated_margin_fee": {"symbol": "BTCUSDT"},
    "get_isolated_margin_tier": {"symbol": "BTCUSDT"},
    "get_isolated_margin_account_limit": {},
    "get_bnb_burn": {},
    "get_api_restrictions": {},
    "get_account_info": {},
    "get_api_trading_status": {},
    "get_margin_loan_details": {"asset": "USDT", "size": 5},
    "get_margin_repay_details": {"asset": "USDT", "current": 1},
    "get_margin_interest_history": {"asset": "USDT"},
    "get_margin_interest_rate_history": {"asset": "BTC"},
    "get_margin_next_hourly_interest_rate": {"assets": ["BTC", "USDT"], "is_isolated": False},
    "get_margin_available_inventory": {"type": "MARGIN"},
    "get_margin_force_liquidation_record": {},
    "get_margin_small_liabilities": {},
    "get_margin_small_liability_history": {"current": 1, "size": 10},
    "get_margin_liquidation_loan": {},
    "get_margin_liquidation_loan_repayments": {},
    "get_margin_order": {"symbol": "BTCUSDT"},
    "get_open_margin_orders": {},
    "get_all_margin_orders": {"symbol": "BTCUSDT"},
    "get_margin_trades": {"symbol": "BTCUSDT"},
    "get_margin_order_rate_limit": {},
    "get_open_margin_oco_orders": {},
    "get_margin_prevented_matches": {"symbol": "BTCUSDT", "order_id": 1},
    "query_universal_transfer_history": {"type": "MAIN_MARGIN"},
    "get_margin_transfer_history": {},
    "get_margin_capital_flow": {},
    "get_margin_dribblet": {},
    "margin_dust_log": {},
    "get_margin_asset": {"asset": "BTC"},
    "get_margin_all_assets": {},
    "get_margin_symbol": {"symbol": "BTCUSDT"},
    "get_margin_all_pairs": {},
    "get_isolated_margin_symbol": {"symbol": "BTCUSDT"},
    "get_isolated_margin_all_symbols": {},
    "get_margin_price_index": {"symbol": "BTCUSDT"},
    "get_cross_margin_collateral_ratio": {},
    "get_margin_restricted_assets": {},
    "get_margin_limit_price_pairs": {},
    "get_margin_risk_based_liquidation_ratio": {},
    "get_margin_delist_schedule": {},
    "get_margin_list_schedule": {},
    "get_spot_asset_tags": {"tag": ["Monitoring"]},
    "get_system_status": {},
    "get_server_time": {},
    "get_exchange_info": {"symbol": "BTCUSDT"},
    "get_klines": {"symbol": "BTCUSDT", "interval": "1h", "limit": 3},
    "get_ticker_price": {"symbol": "BTCUSDT"},
    "get_all_tickers": {},
    "get_spot_account": {"omit_zero_balances": True},
    "get_user_assets": {"need_btc_valuation": True},
    "get_funding_assets": {},
    "margin_stream_get_listen_key": {"symbol": "SOLUSDT"},
    "margin_stream_keepalive": {},
}
CHANGES: dict[str, dict[str, Any]] = {
    "enable_isolated_margin_account": {"symbol": "XRPUSDT"},
    "disable_isolated_margin_account": {"symbol": "XLMUSDT"},
    "set_margin_max_leverage": {"max_leverage": 3},
    "set_bnb_burn": {"interest_bnb_burn": True},
    "create_margin_loan": {"asset": "USDT", "amount": D(5)},
    "repay_margin_loan": {"asset": "USDT", "amount": D("1.5"), "symbol": "SOLUSDT"},
    "exchange_margin_small_liabilities": {"asset_names": ["ETH"]},
    "repay_margin_liquidation_loan": {"asset": "USDT", "amount": D(5)},
    "create_margin_order": {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": D("0.01")},
    "cancel_margin_order": {"symbol": "BTCUSDT"},
    "cancel_all_open_margin_orders": {"symbol": "BTCUSDT"},
    "transfer_spot_to_margin": {"asset": "USDT", "amount": D(5)},
    "transfer_margin_to_spot": {"asset": "USDT", "amount": D(5)},
    "transfer_spot_to_isolated_margin": {"asset": "USDT", "symbol": "SOLUSDT", "amount": D(5)},
    "transfer_isolated_margin_to_spot": {"asset": "USDT", "symbol": "ADAUSDT", "amount": D(5)},
    "make_universal_transfer": {"type": "FUNDING_MARGIN", "asset": "USDT", "amount": D(5)},
    "transfer_margin_dust": {"asset": ["ADA"]},
}
AFTER_LIQUIDATION = frozenset({"get_margin_liquidation_loan", "repay_margin_liquidation_loan"})


def test_every_function_is_covered() -> None:
    assert {*READS, *CHANGES} == {function.name for function in FUNCTIONS.values() if not function.is_local}


@pytest.fixture
def usage() -> WeightBudget:
    return WeightBudget()


@pytest.fixture
async def busy_sandbox(usage: WeightBudget) -> AsyncIterator[ConnectedSandbox]:
    """Create an account with a row in most histories."""
    async with connected_sandbox(SCENARIO, weight_budget=usage) as w:
        w.sandbox.user_actions.borrow("main", "USDT", D(5))
        w.sandbox.user_actions.repay("main", "USDT", D(3))
        w.sandbox.user_actions.transfer("main", "MAIN_MARGIN", "USDT", D(2))
        w.sandbox.user_actions.advance(7200)
        # The second answer is the first that is counted in the exchange's own minute.
        await w.account.sync_clock()
        await w.account.sync_clock()
        yield w


@pytest.mark.parametrize("name", READS)
async def test_read_answers_its_declared_type(busy_sandbox: ConnectedSandbox, name: str) -> None:
    function = FUNCTIONS[name]
    assert isinstance(function, ReadFunction)
    await _prepare_for(busy_sandbox, name)
    given = READS[name] | await _place_open_order(busy_sandbox, name)
    answer = await function(busy_sandbox.account.read_transport, **given)
    assert isinstance(answer, typing.get_origin(function.endpoint.answer) or function.endpoint.answer)
    assert busy_sandbox.requests(function.endpoint.path, function.endpoint.method)[-1].status == 200


@pytest.mark.parametrize("name", CHANGES)
async def test_change_is_accepted_and_answers_its_declared_type(busy_sandbox: ConnectedSandbox, name: str) -> None:
    function = FUNCTIONS[name]
    assert isinstance(function, WriteFunction)
    await _prepare_for(busy_sandbox, name)
    given = CHANGES[name] | await _place_open_order(busy_sandbox, name)
    sent = await function(busy_sandbox.account.read_transport, **given)
    assert isinstance(sent.outcome, Accepted), sent.outcome
    assert sent.content is not None
    (request,) = [
        request
        for request in busy_sandbox.requests(function.endpoint.path, function.endpoint.method)
        if request.applied
    ][-1:]
    assert request.status == 200


@pytest.mark.parametrize("name", [*READS, *CHANGES])
async def test_weight_is_at_least_what_the_exchange_counts(
    busy_sandbox: ConnectedSandbox, usage: WeightBudget, name: str
) -> None:
    function = FUNCTIONS[name]
    await _prepare_for(busy_sandbox, name)
    given = (READS | CHANGES)[name] | await _place_open_order(busy_sandbox, name)
    endpoint, _ = function._build_request(**given)
    pool = weight_pool(endpoint.method, endpoint.path, endpoint.counted, "main")
    before = usage.used(pool, busy_sandbox.clock.now())
    await _callable(name)(busy_sandbox.account.read_transport, **given)
    assert 0 < usage.used(pool, busy_sandbox.clock.now()) - before <= endpoint.weight


async def test_amounts_are_exact_and_never_floats(busy_sandbox: ConnectedSandbox) -> None:
    wallet = await _callable("get_spot_account")(busy_sandbox.account.read_transport)
    usdt = next(row for row in wallet.balances if row.asset == "USDT")
    held = busy_sandbox.ledger["spot"]["USDT"]
    assert (usdt.free, usdt.locked, type(usdt.free)) == (D(held["free"]), D(held["locked"]), DecimalText)


def test_every_parameter_has_a_kind_that_can_be_sent() -> None:
    kinds = {str, int, bool, Decimal, datetime, Sequence[str]}
    for function in FUNCTIONS.values():
        for parameter in function.signature.parameters.values():
            wanted = set(typing.get_args(parameter.annotation) or (parameter.annotation,))
            assert wanted & kinds, (function.name, parameter.name)
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


def _callable(name: str) -> Callable[..., Any]:
    function: Any = FUNCTIONS[name]
    call: Callable[..., Any] = function
    return call


async def _prepare_for(w: ConnectedSandbox, name: str) -> None:
    if name in AFTER_LIQUIDATION:
        w.sandbox.user_actions.set_price("BTCUSDT", D(5_000))
        await w.account.sync_clock()


async def _place_open_order(w: ConnectedSandbox, name: str) -> dict[str, Any]:
    """Place an order that rests, for the functions that need one."""
    if "order" not in name or name == "create_margin_order":
        return {}
    sent = await create_margin_order(
        w.account.read_transport,
        symbol="BTCUSDT",
        side="SELL",
        type="LIMIT",
        quantity=D("0.01"),
        price=D(90_000),
        time_in_force="GTC",
    )
    assert sent.content is not None
    return {"order_id": sent.content.order_id} if name in ("get_margin_order", "cancel_margin_order") else {}
