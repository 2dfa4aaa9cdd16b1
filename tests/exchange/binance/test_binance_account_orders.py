"""Money orders: one request each, the outcome of its answer, and the records that are found."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.order import Accepted, Order, Refused, Repay, TimeWindow, Transfer, Unknown
from monitor.exchange.binance.api.accounts import get_isolated_margin_account
from monitor.exchange.binance.api.response import ApiCredentials
from monitor.exchange.binance.asymmetric_signing import Ed25519Signer, RsaSigner
from monitor.exchange.binance.signing import HmacSigner, Signer
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import (
    AccountSpec,
    ApiInterpretations,
    ApiKeyPermissions,
    ApiKeySpec,
    Scenario,
    hmac_key,
    initial_balance,
)
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox, hosts_of

REPAY_PATH = "/sapi/v1/margin/borrow-repay"
TRANSFER_PATH = "/sapi/v1/asset/transfer"
PAIR = Scope("BTCUSDT")
D = Decimal

REPAY = Repay(CROSS, "USDT", D("500.5"))
TOP_UP = Transfer("spot", CROSS, "USDT", D(100))


def around_now(w: ConnectedSandbox) -> TimeWindow:
    # As wide as the window of an order: after a slow answer our clock may be seconds off.
    return TimeWindow(w.clock.now() - timedelta(minutes=1), w.clock.now() + timedelta(minutes=1))


def money_requests(w: ConnectedSandbox) -> int:
    return len(w.requests(REPAY_PATH, "POST")) + len(w.requests(TRANSFER_PATH, "POST"))


def debt_of(w: ConnectedSandbox, scope: Scope) -> Decimal:
    """Return the USDT owed in the scope, by the exchange's own ledger."""
    margin = w.ledger["isolated"][scope.symbol] if scope.symbol else w.ledger["cross"]
    row = margin["balances"]["USDT"]
    return D(row["borrowed"]) + D(row["interest"])


def calm_scenario_with(**changes: object) -> Scenario:
    account: AccountSpec = replace(calm_scenario().accounts[0], **changes)  # type: ignore[arg-type]  # names are checked by replace
    return replace(calm_scenario(), accounts=(account,))


@pytest.mark.parametrize("scope", [CROSS, PAIR])
async def test_repayment_moves_exactly_its_amount_once(scope: Scope) -> None:
    order = Repay(scope, "USDT", D("250.12345678"))
    async with connected_sandbox() as w:
        before = debt_of(w, scope)
        outcome = await w.account.execute(order)
        assert isinstance(outcome, Accepted)
        # The log holds what was sent: a parameter without a value is no parameter.
        pair = " isIsolated=TRUE symbol=BTCUSDT" if scope.symbol else " isIsolated=FALSE"
        sent = f"POST {REPAY_PATH} asset=USDT amount=250.12345678{pair} type=REPAY"
        assert outcome.trace is not None
        assert outcome.trace.request == sent
        records = await w.account.find_records(order, around_now(w))
        assert money_requests(w) == 1
        assert before - debt_of(w, scope) == D("250.12345678")
        flow = await w.account.find_ledger_rows(order, around_now(w))
        assert [(str(row.tran_id), row.kind, row.amount) for row in flow] == [(outcome.ref, "REPAY", D("250.12345678"))]
    assert [(record.ref, record.amount, record.status, record.is_automatic) for record in records] == [
        (outcome.ref, D("250.12345678"), "CONFIRMED", False)
    ]


@pytest.mark.parametrize(
    ("order", "wallet", "left"),
    [
        (TOP_UP, "spot", "4900"),
        (Transfer("funding", CROSS, "USDT", D(100)), "funding", "900"),
    ],
)
async def test_transfer_into_cross_leaves_its_source(order: Transfer, wallet: str, left: str) -> None:
    async with connected_sandbox() as w:
        outcome = await w.account.execute(order)
        assert isinstance(outcome, Accepted)
        assert D(w.ledger[wallet]["USDT"]["free"]) == D(left)
        assert D(w.ledger["cross"]["balances"]["USDT"]["free"]) == 20100
        records = await w.account.find_records(order, around_now(w))
    assert [(record.ref, record.asset, record.amount, record.status) for record in records] == [
        (outcome.ref, "USDT", D(100), "CONFIRMED")
    ]


async def test_direct_transfer_into_a_pair_works_where_the_exchange_still_has_it() -> None:
    order = Transfer("spot", PAIR, "USDT", D(100))
    async with connected_sandbox(
        replace(calm_scenario(), readings=ApiInterpretations(direct_isolated_transfer=True))
    ) as w:
        outcome = await w.account.execute(order)
        assert isinstance(outcome, Accepted)
        assert D(w.ledger["isolated"]["BTCUSDT"]["balances"]["USDT"]["free"]) == 600
        assert [record.ref for record in await w.account.find_records(order, around_now(w))] == [outcome.ref]


async def test_refused_direct_transfer_leaves_no_records() -> None:
    async with connected_sandbox(calm_scenario()) as w:
        assert await w.account.find_records(Transfer("spot", PAIR, "USDT", D(100)), around_now(w)) == ()


async def test_transfer_into_a_pair_takes_two_hops_where_the_exchange_dropped_it() -> None:
    # Money leaves cross only while its collateral level allows it.
    async with connected_sandbox(calm_scenario_with(cross={"USDT": initial_balance("1000")})) as w:
        direct = await w.account.execute(Transfer("spot", PAIR, "USDT", D(100)))
        assert isinstance(direct, Refused)
        assert direct.code in (-1102, -1130)
        assert not direct.transient
        second_hop = Transfer("cross", PAIR, "USDT", D(100))
        assert isinstance(await w.account.execute(TOP_UP), Accepted)
        outcome = await w.account.execute(second_hop)
        assert isinstance(outcome, Accepted)
        assert D(w.ledger["isolated"]["BTCUSDT"]["balances"]["USDT"]["free"]) == 600
        assert [record.ref for record in await w.account.find_records(second_hop, around_now(w))] == [outcome.ref]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (Transfer("funding", PAIR, "USDT", D(1)), -1130),
        (Transfer("cross", CROSS, "USDT", D(1)), -1130),
        (Repay(CROSS, "USDT", D("0.000000001")), -1111),
        (Repay(CROSS, "USDT", D(0)), -1130),
        (Repay(CROSS, "USDT", D(-1)), -1130),
        (Repay(CROSS, "USDT", D("NaN")), -1130),
        (Repay(CROSS, "USDT", D("Infinity")), -1130),
    ],
)
async def test_impossible_order_is_refused_without_a_request(order: Order, code: int) -> None:
    async with connected_sandbox() as w:
        outcome = await w.account.execute(order)
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.transient) == (code, False)
        assert not w.sandbox.requests


async def test_amount_is_sent_without_exponent() -> None:
    async with connected_sandbox() as w:
        await w.account.execute(Repay(CROSS, "USDT", D("1E+2")))
        await w.account.execute(Repay(CROSS, "ETH", D("1E-8")))
        assert [request.params["amount"] for request in w.requests(REPAY_PATH, "POST")] == ["100", "0.00000001"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(what="cut_after"),
        Fault(what="cut_before"),
        Fault(what="apply_late", seconds=1),
        Fault(what="status", status=500),
        Fault(what="status", status=500, applies=True),
        Fault(what="status", status=503, code=-1008),
        Fault(what="status", status=403, body="<html></html>"),
        Fault(what="status", status=400, code=-1007, applies=True),
        Fault(what="status", status=400, code=-3044),
        Fault(what="status", status=400, code=-3067),
        Fault(what="status", status=400, code=-5012),
        Fault(what="status", status=400, body="no JSON"),
        Fault(what="status", status=200, body="{}"),
        Fault(what="malformed", form="truncated"),
        Fault(what="malformed", form="wrong_types"),
        Fault(what="malformed", form="html"),
        Fault(what="malformed", form="empty"),
    ],
    ids=lambda fault: f"{fault.what} {fault.status if fault.what == 'status' else fault.form} {fault.code}",
)
@pytest.mark.parametrize("order", [REPAY, TOP_UP], ids=["repay", "transfer"])
async def test_inconclusive_answer_is_unknown_after_one_request(order: Order, fault: Fault) -> None:
    async with connected_sandbox(faults=[replace(fault, method="POST", count=0)]) as w:
        assert isinstance(await w.account.execute(order), Unknown)
        assert money_requests(w) == 1
        assert len(w.sandbox.requests) == 1


@pytest.mark.parametrize("order", [REPAY, TOP_UP], ids=["repay", "transfer"])
async def test_executed_order_with_a_lost_answer_is_found_in_the_history(order: Order) -> None:
    async with connected_sandbox(faults=[Fault(what="cut_after", method="POST")]) as w:
        window = TimeWindow(w.clock.now(), w.clock.now() + timedelta(minutes=1))
        assert isinstance(await w.account.execute(order), Unknown)
        records = await w.account.find_records(order, window)
        assert [(record.amount, record.status) for record in records] == [(order.amount, "CONFIRMED")]


@pytest.mark.parametrize("order", [REPAY, TOP_UP], ids=["repay", "transfer"])
async def test_unexecuted_order_with_a_lost_answer_leaves_no_trace(order: Order) -> None:
    async with connected_sandbox(faults=[Fault(what="cut_before", method="POST")]) as w:
        assert isinstance(await w.account.execute(order), Unknown)
        assert await w.account.find_records(order, around_now(w)) == ()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(what="limit", seconds=5), -1003),
        (Fault(what="ban", seconds=5), -1003),
        (Fault(what="status", status=400, code=-3007), -3007),
        (Fault(what="status", status=400, code=-1008), -1008),
        (Fault(what="clock_skew", seconds=3600), -1021),
    ],
    ids=["429", "418", "-3007", "-1008", "-1021"],
)
async def test_transient_refusal_is_returned_and_not_retried(fault: Fault, code: int) -> None:
    async with connected_sandbox(faults=[fault]) as w:
        outcome = await w.account.execute(REPAY)
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.transient) == (code, True)
        assert money_requests(w) == 1


async def test_order_under_a_ban_is_refused_without_a_request() -> None:
    async with connected_sandbox(faults=[Fault(what="ban", seconds=600)]) as w:
        await w.account.execute(REPAY)
        outcome = await w.account.execute(TOP_UP)
        assert isinstance(outcome, Refused)
        assert outcome.transient
        assert len(w.sandbox.requests) == 1


@pytest.mark.parametrize(
    ("order", "codes"),
    [
        (Repay(CROSS, "ETH", D(1)), {-3041}),
        (Repay(CROSS, "BTC", D(1)), {-3015}),
        (Transfer("spot", CROSS, "USDT", D(999_999)), {-5002, -5013, -4026}),
        (Repay(Scope("ETHUSDT"), "USDT", D(1)), {-11001}),
    ],
)
async def test_business_refusal_is_final(order: Order, codes: set[int]) -> None:
    async with connected_sandbox() as w:
        outcome = await w.account.execute(order)
        assert isinstance(outcome, Refused)
        assert outcome.code in codes
        assert not outcome.transient


async def test_refused_connection_proves_that_nothing_was_sent() -> None:
    async with connected_sandbox() as w:
        await w.sandbox.stop()
        outcome = await w.account.execute(REPAY)
    assert outcome == Refused(0, "not sent: no connection", transient=True)


async def test_write_stays_on_the_first_host() -> None:
    async with connected_sandbox() as second, connected_sandbox() as w:
        hosts = hosts_of(w.ready, rest="http://127.0.0.1:9", rest_fallbacks=(second.ready.rest_url,))
        async with connected_sandbox(base_urls=hosts) as lost:
            # By now the key that orders also reads from the other host.
            await lost.account.read_action_key()
            assert isinstance(await lost.account.execute(REPAY), Refused)
            assert not money_requests(second)


async def test_orders_at_once_are_sent_one_after_another() -> None:
    async with connected_sandbox() as w:
        outcomes = await asyncio.gather(*(w.account.execute(Repay(CROSS, "USDT", D(number))) for number in (1, 2, 3)))
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        times = [request.at for request in w.requests(REPAY_PATH, "POST")]
    assert all(later - earlier >= 295 for earlier, later in itertools.pairwise(times))


async def test_automatic_repayments_are_marked_and_other_assets_left_out() -> None:
    async with connected_sandbox() as w:
        w.sandbox.user_actions.repay("main", "USDT", D(7))
        assert await w.account.find_records(Repay(CROSS, "ETH", D(7)), around_now(w)) == ()
        assert await w.account.find_records(Repay(PAIR, "USDT", D(7)), around_now(w)) == ()
        assert len(await w.account.find_records(Repay(CROSS, "USDT", D(7)), around_now(w))) == 1


async def test_records_of_many_pages_come_whole() -> None:
    async with connected_sandbox() as w:
        for number in range(1, 131):
            w.sandbox.user_actions.repay("main", "USDT", D(number) / 100)
        found = await w.account.find_records(Repay(CROSS, "USDT", D(1)), around_now(w))
    assert sorted(record.amount for record in found) == [D(number) / 100 for number in range(1, 131)]


async def test_only_the_action_key_moves_money() -> None:
    reading = hmac_key("reading", ApiKeyPermissions(margin=False, transfer=False))
    acting = hmac_key("acting")
    scenario = calm_scenario_with(keys=(reading, acting))
    chosen = ApiCredentials(acting.api_key, HmacSigner(acting.api_secret))
    async with connected_sandbox(scenario, action_credentials=chosen) as w:
        await w.account.read_cross()
        assert isinstance(await w.account.execute(REPAY), Accepted)
        assert isinstance(await w.account.execute(TOP_UP), Accepted)
        await w.account.find_records(REPAY, around_now(w))
        used = {(request.method, request.path): request.api_key for request in w.sandbox.requests}
    assert used["POST", REPAY_PATH] == used["POST", TRANSFER_PATH] == acting.api_key
    assert used["GET", "/sapi/v1/margin/account"] == used["GET", REPAY_PATH] == reading.api_key


async def test_key_without_the_right_is_refused() -> None:
    key = hmac_key("main", ApiKeyPermissions(margin=False))
    async with connected_sandbox(calm_scenario_with(keys=(key,))) as w:
        outcome = await w.account.execute(REPAY)
    assert isinstance(outcome, Refused)
    assert outcome.code == -1002


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
async def test_every_kind_of_key_signs_reads_and_orders(kind: str) -> None:
    signer: Signer
    if kind == "rsa":
        rsa = generate_private_key(65537, 2048)
        signer, public = RsaSigner(rsa), rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    else:
        ed25519 = Ed25519PrivateKey.generate()
        signer = Ed25519Signer(ed25519)
        public = ed25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = ApiKeySpec(api_key="k" * 64, public_key=public.decode())
    async with connected_sandbox(calm_scenario_with(keys=(key,)), credentials=ApiCredentials(key.api_key, signer)) as w:
        await w.account.read_cross()
        await get_isolated_margin_account(w.account.read_transport, symbols=["BTCUSDT", "ETHUSDT"])
        assert isinstance(await w.account.execute(REPAY), Accepted)
