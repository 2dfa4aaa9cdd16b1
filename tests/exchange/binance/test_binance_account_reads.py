"""Every read against the sandbox: its result equals the sandbox's ledger."""

import asyncio
import functools
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS, PairStatus, Scope, Thresholds
from monitor.core.numbers.amounts import INFINITE
from monitor.errors import ExchangeRefused, ExchangeUnreachable, KeyInvalid, PayloadRejected
from monitor.exchange.binance.api.response import ApiCredentials
from monitor.exchange.binance.factory import create_account
from monitor.exchange.binance.signing import HmacSigner
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, ApiInterpretations, PairSpec, Scenario, initial_balance
from tests.support.connected_sandbox import connected_sandbox, credentials_of, hosts_of
from tests.support.sandbox_client import wait_until

CROSS_PATH = "/sapi/v1/margin/account"
ISOLATED_PATH = "/sapi/v1/margin/isolated/account"
D = Decimal


async def test_cross_account_equals_the_ledger() -> None:
    async with connected_sandbox() as w:
        snapshot = await w.account.read_cross()
        held = w.ledger["cross"]
    assert set(snapshot.balances) == set(held["balances"])
    for asset, row in held["balances"].items():
        balance = snapshot.balances[asset]
        assert (balance.free, balance.locked) == (D(row["free"]), D(row["locked"]))
        assert (balance.borrowed, balance.interest) == (D(row["borrowed"]), D(row["interest"]))
    assert snapshot.margin_level == D(held["level"])
    assert snapshot.collateral_margin_level == D(held["collateral_level"])


async def test_isolated_pairs_equal_the_ledger() -> None:
    async with connected_sandbox() as w:
        snapshot = await w.account.read_isolated()
        held = w.ledger["isolated"]
    assert set(snapshot.pairs) == set(held) == {"BTCUSDT"}
    pair, row = snapshot.pairs["BTCUSDT"], held["BTCUSDT"]
    assert pair.margin_level == D(row["level"])
    assert pair.index_price == D(row["index_price"])
    assert pair.liquidation_price == D(row["liquidation_price"])
    assert pair.status == PairStatus[row["status"]]
    assert (pair.base.free, pair.quote.borrowed) == (D("0.5"), D(20000))
    assert pair.quote.interest == D(row["balances"]["USDT"]["interest"])


@pytest.mark.parametrize(
    "readings",
    [ApiInterpretations(zero_style="plain", collateral_key="totalCollateralValueInUSDT"), ApiInterpretations()],
)
async def test_account_without_debt_is_infinitely_far_in_either_spelling(readings: ApiInterpretations) -> None:
    account = AccountSpec(
        cross={"BTC": initial_balance("1")},
        isolated={"BTCUSDT": PairSpec(quote=initial_balance("11")), "ETHUSDT": PairSpec(created=False)},
    )
    scenario = replace(calm_scenario(), accounts=(account,), readings=readings)
    async with connected_sandbox(scenario) as w:
        cross = await w.account.read_cross()
        isolated = await w.account.read_isolated()
    assert (cross.margin_level, cross.collateral_margin_level) == (INFINITE, INFINITE)
    assert set(isolated.pairs) == {"BTCUSDT"}
    assert (isolated.pairs["BTCUSDT"].margin_level, isolated.pairs["BTCUSDT"].liquidation_price) == (INFINITE, None)


async def test_thresholds_and_tiers_are_those_of_the_account() -> None:
    async with connected_sandbox() as w:
        bars = await w.account.read_thresholds()
        tiers = await w.account.read_tiers("BTCUSDT")
        held = w.ledger["isolated"]["BTCUSDT"]
    assert bars == Thresholds(D("1.5"), D("1.3"), D("1.1"))
    assert str(tiers[0].liquidation) == held["liquidation_level"]
    assert [tier.number for tier in tiers] == sorted(tier.number for tier in tiers)


async def test_wallets_equal_the_ledger() -> None:
    async with connected_sandbox() as w:
        spot, funding = await w.account.read_spot_wallet(), await w.account.read_funding_wallet()
    assert spot.free == {"USDT": D(5000), "BTC": D("0.1")}
    assert funding.free == {"USDT": D(1000)}


async def test_prices_leave_out_unknown_symbols() -> None:
    async with connected_sandbox() as w:
        prices = await w.account.read_prices(["BTCUSDT", "ETHUSDT", "NOSUCHUSDT"])
        assert await w.account.read_prices([]) == {}
    assert {symbol: price.value for symbol, price in prices.items()} == {"BTCUSDT": D(60_000), "ETHUSDT": D(3000)}


async def test_key_permissions_are_read() -> None:
    async with connected_sandbox() as w:
        key = await w.account.read_key()
    assert (key.reading, key.margin, key.universal_transfer, key.withdrawals, key.ip_restricted) == (
        True,
        True,
        True,
        False,
        True,
    )


async def test_account_owner_is_read_for_both_keys() -> None:
    scenario = replace(
        calm_scenario(), accounts=(*calm_scenario().accounts, AccountSpec("other"), AccountSpec("third", uid=77))
    )
    async with connected_sandbox(scenario) as w:
        assert await w.account.read_user_id() == await w.account.read_action_user_id()
        clock, hosts, own = w.clock, hosts_of(w.ready), credentials_of(w.ready)
        numbers = []
        for other in w.ready.accounts:
            second = ApiCredentials(other["api_key"], HmacSigner(other["api_secret"]))
            account = create_account(
                name="main", clock=clock, base_urls=hosts, credentials=own, action_credentials=second
            )
            numbers.append((await account.read_user_id(), await account.read_action_user_id()))
            await account.aclose()
    assert len({reading for reading, _ in numbers}) == 1
    assert len({acting for _, acting in numbers}) == 3
    assert numbers[2][1] == 77


@pytest.mark.parametrize("body", ['{"balances": []}', '{"uid": 0}', '{"uid": "x"}'])
async def test_answer_without_a_user_id_is_rejected(body: str) -> None:
    fault = Fault("status", path="/api/v3/account", status=200, body=body)
    async with connected_sandbox(faults=[fault]) as w:
        with pytest.raises(PayloadRejected):
            await w.account.read_user_id()


async def test_interest_of_many_hours_comes_whole_and_once_oldest_first() -> None:
    async with connected_sandbox() as w:
        w.sandbox.user_actions.advance(80 * 3600)
        await w.account.sync_clock()
        now = w.clock.now()
        cross = await w.account.interest.read_charges(CROSS, now - timedelta(days=45), now)
        pair = await w.account.interest.read_charges(Scope("BTCUSDT"), now - timedelta(days=45), now)
        charged = w.ledger["interest_charges"]
    assert len(cross) + len(pair) == charged > 200
    assert len({(charge.tx_id, charge.asset) for charge in cross}) == len(cross)
    assert [charge.charged_at for charge in cross] == sorted(charge.charged_at for charge in cross)
    assert {charge.asset for charge in pair} == {"USDT"}
    assert all(charge.scope == Scope("BTCUSDT") for charge in pair)


async def test_offset_is_measured_and_signed_with() -> None:
    async with connected_sandbox() as w:
        w.sandbox.user_actions.advance(3600)
        offset = await w.account.sync_clock()
        snapshot = await w.account.read_cross()
    assert abs(offset - timedelta(hours=1)) < timedelta(seconds=1)
    assert abs(snapshot.as_of - w.sandbox.scenario.start - offset) < timedelta(seconds=10)


async def test_refused_timestamp_measures_the_clock_and_reads_once_more() -> None:
    async with connected_sandbox(faults=[Fault(what="clock_skew", path=CROSS_PATH, seconds=3600)]) as w:
        await w.account.read_cross()
        assert [(request.status, request.code) for request in w.requests(CROSS_PATH)] == [(400, -1021), (200, 0)]
        assert w.requests("/api/v3/time")


async def test_timestamp_refused_again_is_a_refusal() -> None:
    async with connected_sandbox(faults=[Fault(what="clock_skew", path=CROSS_PATH, seconds=3600, count=0)]) as w:
        with pytest.raises(ExchangeRefused) as refusal:
            await w.account.read_cross()
        assert refusal.value.venue_code == -1021
        assert len(w.requests(CROSS_PATH)) == 2


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_read_is_tried_again_after_a_server_error(status: int) -> None:
    async with connected_sandbox(faults=[Fault(what="status", path=CROSS_PATH, status=status, body="")]) as w:
        await w.account.read_cross()
        assert [request.status for request in w.requests(CROSS_PATH)] == [status, 200]


async def test_read_is_tried_again_after_a_cut() -> None:
    async with connected_sandbox(faults=[Fault(what="cut_after", path=CROSS_PATH, count=2)]) as w:
        await w.account.read_cross()
        assert len(w.requests(CROSS_PATH)) == 3


async def test_read_gives_up_after_two_retries() -> None:
    async with connected_sandbox(faults=[Fault(what="cut_before", path=CROSS_PATH, count=0)]) as w:
        with pytest.raises(ExchangeUnreachable):
            await w.account.read_cross()
        assert len(w.requests(CROSS_PATH)) == 3


async def test_silent_server_is_given_up_on() -> None:
    async with connected_sandbox(faults=[Fault(what="hang", path=CROSS_PATH, count=0)], timeout_s=0.5) as w:
        with pytest.raises(ExchangeUnreachable, match="ReadTimeout"):
            await w.account.read_cross()


async def test_each_try_is_signed_anew() -> None:
    async with connected_sandbox(speed=60, faults=[Fault(what="status", path=CROSS_PATH, status=500)]) as w:
        await w.account.read_cross()
        first, second = w.requests(CROSS_PATH)
        assert int(second.params["timestamp"]) > int(first.params["timestamp"])


async def test_rate_limit_holds_its_endpoint_until_retry_after() -> None:
    async with connected_sandbox(speed=60, faults=[Fault(what="limit", path=CROSS_PATH, seconds=30)]) as w:
        with pytest.raises(ExchangeUnreachable, match="held back until"):
            await w.account.read_cross()
        with pytest.raises(ExchangeUnreachable, match="held back until"):
            await w.account.read_cross()
        await w.account.read_isolated()
        assert len(w.requests(CROSS_PATH)) == 1
        await w.clock.sleep(31)
        await w.account.read_cross()
        assert len(w.requests(CROSS_PATH)) == 2


async def test_ban_holds_every_endpoint() -> None:
    async with connected_sandbox(speed=60, faults=[Fault(what="ban", path=CROSS_PATH, seconds=30)]) as w:
        with pytest.raises(ExchangeUnreachable):
            await w.account.read_cross()
        with pytest.raises(ExchangeUnreachable, match="held back until"):
            await w.account.read_isolated()
        assert not w.requests(ISOLATED_PATH)
        await w.clock.sleep(31)
        await w.account.read_isolated()


@pytest.mark.parametrize("what", ["key_revoked", "ip_refused"])
async def test_refused_key_is_distinguished_from_other_refusals(what: str) -> None:
    async with connected_sandbox(faults=[Fault(what=what)]) as w:
        with pytest.raises(KeyInvalid) as refusal:
            await w.account.read_cross()
        assert refusal.value.venue_code == -2015
        assert len(w.sandbox.requests) == 1


async def test_cross_account_never_opened_is_a_refusal() -> None:
    async with connected_sandbox(replace(calm_scenario(), accounts=(AccountSpec(cross_created=False),))) as w:
        with pytest.raises(ExchangeRefused) as refusal:
            await w.account.read_cross()
        assert refusal.value.venue_code == -3003


@pytest.mark.parametrize("form", ["truncated", "nan", "wrong_types", "empty", "not_json", "contradiction"])
async def test_unreadable_account_is_rejected_and_its_beginning_kept(form: str) -> None:
    async with connected_sandbox(faults=[Fault(what="malformed", form=form)]) as w:
        with pytest.raises(PayloadRejected, match="sha256") as rejection:
            await w.account.read_cross()
        assert len(w.requests(CROSS_PATH)) == 1
        assert len(rejection.value.payload) <= 2000
        await w.account.read_cross()


@pytest.mark.parametrize("path", [CROSS_PATH, ISOLATED_PATH])
async def test_account_that_lost_rows_is_rejected(path: str) -> None:
    async with connected_sandbox() as w:
        read = w.account.read_cross if path == CROSS_PATH else w.account.read_isolated
        await read()
        w.sandbox.add_fault(Fault(what="malformed", form="missing_rows", path=path))
        with pytest.raises(PayloadRejected, match="lacks"):
            await read()


@pytest.mark.parametrize("form", ["truncated", "nan", "wrong_types", "empty", "not_json", "contradiction"])
async def test_unreadable_pairs_are_rejected(form: str) -> None:
    async with connected_sandbox(faults=[Fault(what="malformed", form=form)]) as w:
        with pytest.raises(PayloadRejected):
            await w.account.read_isolated()


ALMOST = replace(
    calm_scenario(),
    min_repay={"BTC": D("0.001"), "ETH": D("0.01")},
    accounts=(
        AccountSpec(
            spot={"USDT": D(5), "BTC": D(1)},
            funding={"USDT": D(5), "BTC": D(1)},
            cross={"BTC": initial_balance("1"), "ETH": initial_balance("0", borrowed="2")},
            isolated={"ETHUSDT": PairSpec(base=initial_balance("1")), "BTCUSDT": PairSpec(base=initial_balance("1"))},
        ),
    ),
)


async def test_invalid_row_is_skipped_and_reported_once() -> None:
    async with connected_sandbox(ALMOST, faults=[Fault("malformed", form="odd_row", count=0)]) as w:
        for _ in range(2):
            assert set((await w.account.read_isolated()).pairs) == {"BTCUSDT"}
            assert {"BTC", "ETH"} == set((await w.account.read_cross()).balances)
            assert len((await w.account.read_spot_wallet()).free) == 1
            assert len((await w.account.read_funding_wallet()).free) == 1
            assert len(await w.account.read_prices(["BTCUSDT", "ETHUSDT"])) == 1
            assert await w.account.interest.read_rates()
            assert len(await w.account.interest.read_next_rates(["BTC", "USDT"], isolated=False)) == 1
            assert (await w.account.reference_data.read_min_repay()).content
        told = w.account.take_rejected_rows()
    assert "GET /sapi/v1/margin/isolated/account: ETHUSDT is left out" in " ".join(told)
    assert len(told) == 8
    assert w.account.take_rejected_rows() == ()


async def test_cross_of_a_region_without_usdt_is_read() -> None:
    account = AccountSpec(cross={"BTC": initial_balance("1"), "USDC": initial_balance("0", borrowed="30000")})
    scenario = replace(calm_scenario(), accounts=(account,), readings=ApiInterpretations(unused_usdt_row="absent"))
    async with connected_sandbox(scenario) as w:
        snapshot = await w.account.read_cross()
        assert (set(snapshot.balances), snapshot.margin_level) == ({"BTC", "USDC"}, D(w.ledger["cross"]["level"]))


async def test_web_page_instead_of_an_answer_is_no_answer() -> None:
    async with connected_sandbox(faults=[Fault(what="malformed", form="html")]) as w:
        with pytest.raises(ExchangeUnreachable, match="web page"):
            await w.account.read_cross()


async def test_read_fails_over_to_another_host_and_stays_there() -> None:
    async with connected_sandbox() as second:
        hosts = hosts_of(second.ready, rest="http://127.0.0.1:9", rest_fallbacks=(second.ready.rest_url,))
        async with connected_sandbox(Scenario(), base_urls=hosts, credentials=credentials_of(second.ready)) as w:
            await w.account.sync_clock()
            await w.account.read_cross()
            assert len(second.requests(CROSS_PATH)) == 1
            assert not w.sandbox.requests


async def test_outdated_snapshot_is_rejected() -> None:
    async with connected_sandbox(timeout_s=600) as w:
        for read, path in ((w.account.read_cross, CROSS_PATH), (w.account.read_isolated, ISOLATED_PATH)):
            w.sandbox.add_fault(Fault("delay", path=path, seconds=600))
            older = asyncio.ensure_future(read())
            await wait_until(functools.partial(w.requests, path))
            newer = await read()
            w.sandbox.clear_faults()
            with pytest.raises(PayloadRejected, match="older than the last snapshot"):
                await older
            assert (await read()).as_of > newer.as_of


async def test_weight_used_is_the_share_of_the_fullest_pool() -> None:
    async with connected_sandbox() as w:
        await w.account.read_cross()
        assert w.account.weight_used == D(10) / 12000
        await w.account.sync_clock()
        assert w.account.weight_used == D(10) / 12000
        await w.account.read_user_id()
        # A slow machine asks for the time once more: each question weighs 1 in the same pool.
        assert w.account.weight_used == D(20 + len(w.requests("/api/v3/time"))) / 6000


async def test_errors_quote_neither_key_nor_signature() -> None:
    async with connected_sandbox(faults=[Fault(what="cut_before", path="*", count=0)]) as w:
        key, secret = w.ready.accounts[0]["api_key"], w.ready.accounts[0]["api_secret"]
        with pytest.raises(ExchangeUnreachable) as failure:
            await w.account.read_cross()
    for text in (str(failure.value), repr(failure.value), repr(credentials_of(w.ready))):
        assert key not in text
        assert secret not in text
        assert "signature" not in text
    assert failure.value.__cause__ is None
