"""Undocumented facts of the exchange: the client works under either reading."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.order import Accepted, Refused, Repay, Transfer
from monitor.errors import KeyInvalid
from monitor.exchange.binance.api.accounts import get_max_margin_loan, set_bnb_burn
from monitor.exchange.binance.api.loans import exchange_margin_small_liabilities
from monitor.exchange.binance.api.market import get_margin_all_assets, get_margin_all_pairs
from monitor.exchange.binance.api.orders import create_margin_order
from monitor.exchange.binance.api.response import ApiCredentials
from monitor.exchange.binance.api.transfers import (
    make_universal_transfer,
    query_universal_transfer_history,
    transfer_spot_to_margin,
)
from monitor.exchange.binance.signing import HmacSigner
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, ApiInterpretations, Scenario, initial_balance
from tests.support.connected_sandbox import connected_sandbox

D = Decimal

OWING = AccountSpec(
    spot={"USDT": D(5000)},
    cross={
        "BTC": initial_balance("1"),
        "BNB": initial_balance("3"),
        "USDT": initial_balance("30000", borrowed="20000"),
        "ETH": initial_balance("1", borrowed="0.001"),
    },
)


def sandbox_with_reading(**readings: Any) -> Scenario:
    return replace(calm_scenario(), accounts=(OWING,), readings=ApiInterpretations(**readings))


@pytest.mark.parametrize("status", [400, 401])
async def test_a_refused_key_is_known_by_its_code_whatever_the_status(status: Any) -> None:
    scenario = replace(calm_scenario(), readings=ApiInterpretations(key_refused_status=status))
    strange = ApiCredentials("a" * 64, HmacSigner("b" * 64))
    async with connected_sandbox(scenario, credentials=strange) as w:
        with pytest.raises(KeyInvalid):
            await w.account.read_cross()
        assert w.sandbox.requests[-1].status == status


@pytest.mark.parametrize("form", ["rows", "no rows"])
async def test_an_empty_history_has_no_rows_either_way(form: Any) -> None:
    scenario = replace(calm_scenario(), readings=ApiInterpretations(empty_transfer_history=form))
    async with connected_sandbox(scenario) as w:
        assert (await query_universal_transfer_history(w.account.read_transport, type="MARGIN_MAIN")).rows == ()


@pytest.mark.parametrize(("reading", "share"), [("750 UID", D(750) / 180_000), ("50 IP", D(50) / 12_000)])
async def test_max_borrowable_uses_the_weight_pool_of_the_exchange(reading: Any, share: Decimal) -> None:
    async with connected_sandbox(sandbox_with_reading(max_borrowable_weight=reading)) as w:
        assert (await get_max_margin_loan(w.account.read_transport, asset="USDT")).amount > 0
        assert w.account.weight_used == share


@pytest.mark.parametrize("weight", [300, 900])
async def test_transfer_weight_follows_the_exchange_header(weight: int) -> None:
    async with connected_sandbox(sandbox_with_reading(transfer_weight=weight)) as w:
        assert isinstance(await w.account.execute(Transfer("spot", CROSS, "USDT", D(5))), Accepted)
        assert w.account.weight_used == D(weight) / 180_000
    assert make_universal_transfer.endpoint.weight == 300
    assert {transfer_spot_to_margin.endpoint.weight, make_universal_transfer.endpoint.weight} == {300}


@pytest.mark.parametrize("code", [-3015, -3024])
async def test_too_small_remainder_is_a_refusal_under_either_code(code: Any) -> None:
    scenario = replace(sandbox_with_reading(small_rest_code=code), min_repay={"USDT": D(10)})
    async with connected_sandbox(scenario) as w:
        refused = await w.account.execute(Repay(CROSS, "USDT", D(19_995)))
        assert isinstance(refused, Refused)
        assert (refused.code, refused.transient) == (code, False)
        assert isinstance(await w.account.execute(Repay(CROSS, "USDT", D(20_000))), Accepted)


@pytest.mark.parametrize("reading", ["accrues", "paid"])
async def test_interest_in_bnb_is_read_the_same_whether_it_is_owed_or_paid(reading: Any) -> None:
    async with connected_sandbox(sandbox_with_reading(bnb_interest=reading)) as w:
        assert isinstance((await set_bnb_burn(w.account.read_transport, interest_bnb_burn=True)).outcome, Accepted)
        since = w.clock.now() - timedelta(seconds=5)
        w.sandbox.user_actions.charge_interest()
        charges = await w.account.interest.read_charges(CROSS, since, since + timedelta(minutes=1))
        bnb = (await w.account.read_cross()).balances["BNB"]
    usdt = next(charge for charge in charges if charge.raw_asset == "USDT")
    assert (usdt.asset, usdt.kind) == ("BNB", "PERIODIC_CONVERTED")
    assert (bnb.interest > 0, bnb.held < 3) == ((True, False) if reading == "accrues" else (False, True))


@pytest.mark.parametrize("unit", ["s", "ms"])
async def test_transfer_out_time_is_read_in_either_unit(unit: Any) -> None:
    gone = datetime(2026, 4, 1, tzinfo=UTC)
    scenario = replace(sandbox_with_reading(delist_time_unit=unit), delistings=((gone, ("ADA",), ("ADAUSDT",)),))
    async with connected_sandbox(scenario) as w:
        (asset,) = await get_margin_all_assets(w.account.read_transport, asset="ADA")
        (pair,) = await get_margin_all_pairs(w.account.read_transport, symbol="ADAUSDT")
    assert (asset.delist_time, pair.delist_time) == (gone, gone)


@pytest.mark.parametrize("body", ["empty", "object"])
async def test_small_debts_are_exchanged_whatever_the_answer_holds(body: Any) -> None:
    async with connected_sandbox(sandbox_with_reading(small_liability_body=body)) as w:
        sent = await exchange_margin_small_liabilities(w.account.read_transport, asset_names=["ETH"])
        assert isinstance(sent.outcome, Accepted)
        assert "ETH" not in {
            balance.asset for balance in (await w.account.read_cross()).balances.values() if balance.owed
        }


@pytest.mark.parametrize("is_there", [True, False])
async def test_borrowing_and_repaying_order_is_filled_or_refused(is_there: bool) -> None:
    async with connected_sandbox(sandbox_with_reading(auto_borrow_repay=is_there)) as w:
        sent = await create_margin_order(
            w.account.read_transport,
            symbol="BTCUSDT",
            side="SELL",
            type="MARKET",
            quantity=D("0.001"),
            side_effect_type="AUTO_BORROW_REPAY",
        )
    told = sent.outcome.code if isinstance(sent.outcome, Refused) else type(sent.outcome)
    assert told == (Accepted if is_there else -1130)
