"""Account activity, read from the sandbox as the exchange documents it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.ledger import MarginTransfer
from monitor.errors import PayloadRejected
from monitor.exchange.binance.api.orders import ALL_SYMBOLS_WEIGHT, get_open_margin_orders
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, ApiInterpretations, PairSpec, Scenario, initial_balance
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox

D = Decimal
PAIR = Scope("BTCUSDT")
WEEK = timedelta(days=7)


async def transfers(w: ConnectedSandbox, scope: Scope) -> list[MarginTransfer]:
    now = w.clock.now()
    return list(await w.account.activity.read_transfers(scope, now - WEEK, now + timedelta(seconds=1)))


def sandbox_with_reading(**readings: object) -> Scenario:
    return replace(calm_scenario(), readings=ApiInterpretations(**readings))  # type: ignore[arg-type]  # names are checked at the start


def without_debt(scenario: Scenario) -> Scenario:
    """Return the scenario without debt in cross: money leaves cross only while its level allows it."""
    return replace(scenario, accounts=(replace(scenario.accounts[0], cross={"USDT": initial_balance("1000")}),))


@pytest.mark.parametrize("readings", [{}, {"margin_transfer_times": "s", "transfer_txid_is_tranid": False}])
async def test_unrequested_transfer_is_distinguished(readings: dict[str, object]) -> None:
    async with connected_sandbox(without_debt(sandbox_with_reading(**readings))) as w:
        w.sandbox.user_actions.transfer("main", "MAIN_MARGIN", "USDT", D(100))
        w.sandbox.user_actions.top_up("main", "USDT", D(250))
        w.sandbox.user_actions.transfer("main", "MARGIN_MAIN", "USDT", D(1))
        seen = {t.amount: (t.is_incoming, t.was_requested) for t in await transfers(w, CROSS)}
    assert seen == {D(100): (True, True), D(250): (True, False), D(1): (False, True)}


async def test_a_transfer_from_cross_into_a_pair_is_seen_from_the_pair() -> None:
    async with connected_sandbox(without_debt(calm_scenario())) as w:
        w.sandbox.user_actions.transfer("main", "MARGIN_ISOLATEDMARGIN", "USDT", D(5), to_symbol="BTCUSDT")
        (seen,) = await transfers(w, PAIR)
    assert (seen.other, seen.amount, seen.was_requested) == ("CROSS_MARGIN", D(5), True)


@pytest.mark.parametrize("signed", [True, False])
async def test_ledger_amounts_are_unsigned(signed: bool) -> None:
    async with connected_sandbox(sandbox_with_reading(capital_flow_signed=signed)) as w:
        w.sandbox.user_actions.repay("main", "USDT", D(7))
        w.sandbox.user_actions.transfer("main", "MAIN_MARGIN", "USDT", D(1))
        now = w.clock.now()
        rows = await w.account.activity.read_ledger(CROSS, now - WEEK, now + timedelta(seconds=1))
        repaid = await w.account.activity.read_repayments(CROSS, now - WEEK, now + timedelta(seconds=1))
    assert [(row.kind, row.asset, row.amount) for row in rows] == [("REPAY", "USDT", D(7)), ("TRANSFER", "USDT", D(1))]
    assert [(record.amount, record.is_automatic) for record in repaid] == [(D(7), False)]


@pytest.mark.parametrize("reading", ["refused", "zeros", "object", "list"])
async def test_no_liquidation_loan_is_zero_in_every_spelling(reading: str) -> None:
    async with connected_sandbox(sandbox_with_reading(no_liquidation_loan=reading)) as w:
        assert (await w.account.activity.read_liquidation_loan(w.clock.now())).remaining == 0


async def test_liquidation_loan_is_the_unpaid_remainder() -> None:
    async with connected_sandbox() as w:
        w.sandbox.venue.accounts["main"].liquidation_loan.amount = D(1000)
        w.sandbox.venue.accounts["main"].liquidation_loan.repaid = D(300)
        loan = await w.account.activity.read_liquidation_loan(w.clock.now())
    assert (loan.asset, loan.remaining) == ("USDC", D(700))


async def test_incomplete_liquidation_loan_is_rejected() -> None:
    body = '{"asset": "USDC", "amount": "5"}'
    fault = Fault("status", path="/sapi/v1/margin/liquidation-loan", status=200, body=body)
    async with connected_sandbox(faults=[fault]) as w:
        with pytest.raises(PayloadRejected, match="lacks an amount"):
            await w.account.activity.read_liquidation_loan(w.clock.now())


@pytest.mark.parametrize("reading", ["10 IP", "symbols"])
async def test_open_orders_of_cross_are_budgeted_by_the_dearer_reading(reading: str) -> None:
    async with connected_sandbox(sandbox_with_reading(open_orders_weight=reading)) as w:
        assert (await w.account.activity.read_open_orders(CROSS)).order_ids == frozenset()
        assert (await w.account.activity.read_open_orders(PAIR)).order_ids == frozenset()
        used = w.account.weight_used * 12_000
    assert used < ALL_SYMBOLS_WEIGHT
    assert get_open_margin_orders.with_weight({}).weight == ALL_SYMBOLS_WEIGHT
    assert get_open_margin_orders.with_weight({"symbol": "BTCUSDT"}).weight == 10


@pytest.mark.parametrize("reading", ["cross", "all"])
async def test_a_forced_liquidation_counts_once_whatever_the_answer_of_cross_names(reading: str) -> None:
    owing = AccountSpec(
        cross={"BTC": initial_balance("1"), "USDT": initial_balance(borrowed="45000")},
        isolated={"BTCUSDT": PairSpec(base=initial_balance("1"), quote=initial_balance(borrowed="45000"))},
    )
    scenario = replace(
        sandbox_with_reading(liquidations_of_cross=reading), accounts=(owing,), prices={"BTCUSDT": D(60_000)}, paths={}
    )
    async with connected_sandbox(scenario) as w:
        before = w.clock.now() - timedelta(seconds=5)
        w.sandbox.user_actions.set_price("BTCUSDT", D(46_000))
        seen = await w.account.read_liquidations(["BTCUSDT"], before, before + timedelta(days=1))
    assert len({(order.symbol, order.order_id) for order in seen}) == len(seen)
    assert {order.isolated for order in seen} == {True, False}
