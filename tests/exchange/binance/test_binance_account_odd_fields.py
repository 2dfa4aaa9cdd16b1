"""Odd values of fields that nothing uses: they hide nothing of what is used."""

from datetime import timedelta
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.model.account import CROSS
from monitor.core.model.order import Reduce, Repay, TimeWindow
from monitor.sandbox.faults import Fault
from tests.support.connected_sandbox import connected_sandbox

D = Decimal


def answer(path: str, body: str) -> Fault:
    return Fault("status", path=path, status=200, body=body)


def window_around(clock: Clock) -> TimeWindow:
    return TimeWindow(clock.now() - timedelta(hours=1), clock.now() + timedelta(minutes=1))


async def test_user_is_known_whatever_is_in_the_spot_wallet() -> None:
    odd = answer("/api/v3/account", '{"uid": 77, "balances": [{"asset": "USDT", "free": null, "locked": 1}]}')
    async with connected_sandbox(faults=[odd]) as w:
        assert await w.account.read_user_id() == 77


async def test_repayment_is_found_whatever_its_parts_are() -> None:
    async with connected_sandbox() as w:
        at = int(w.clock.now().timestamp() * 1000)
        row = '{"asset": "USDT", "amount": "500", "principal": "", "interest": 1, "status": "CONFIRMED", '
        row += f'"timestamp": {at}, "txId": 77, "type": "MANUAL"}}'
        for _ in range(2):
            w.sandbox.add_fault(answer("/sapi/v1/margin/borrow-repay", f'{{"rows": [{row}], "total": 1}}'))
        window = window_around(w.clock)
        (found,) = await w.account.find_records(Repay(CROSS, "USDT", D(500)), window)
        (listed,) = await w.account.activity.read_repayments(CROSS, window.since, window.until)
    assert found == listed
    assert (found.ref, found.amount, found.status) == ("77", D(500), "CONFIRMED")


async def test_wallets_are_read_whatever_an_asset_is_worth() -> None:
    body = '[{"asset": "USDT", "free": "5", "locked": 0, "btcValuation": ""}]'
    paths = ("/sapi/v3/asset/getUserAsset", "/sapi/v1/asset/get-funding-asset")
    async with connected_sandbox(faults=[answer(path, body) for path in paths]) as w:
        assert (await w.account.read_spot_wallet()).free == {"USDT": D(5)}
        assert (await w.account.read_funding_wallet()).free == {"USDT": D(5)}


async def test_rates_are_read_without_their_yearly_ones() -> None:
    body = '[{"coin": "USDT", "dailyInterest": "0.00024", "yearlyInterest": "", "borrowLimit": 1, "vipLevel": "0"}]'
    async with connected_sandbox(faults=[answer("/sapi/v1/margin/crossMarginData", body)]) as w:
        assert await w.account.interest.read_rates() == {"USDT": D("0.00001")}


async def test_sale_is_found_whatever_else_was_ordered() -> None:
    body = '{"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "mm-1-1", "side": "SELL", "status": "FILLED", '
    body += '"price": "", "origQty": "0.1", "executedQty": "0.1", "cummulativeQuoteQty": "6000", '
    body += '"stopPrice": "", "time": %d}'
    sale = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC", "mm-1-1")
    async with connected_sandbox() as w:
        at = int(w.clock.now().timestamp() * 1000)
        w.sandbox.add_fault(answer("/sapi/v1/margin/order", body % at))
        w.sandbox.add_fault(answer("/sapi/v1/margin/openOrders", f"[{body % at}]"))
        (found,) = await w.account.find_records(sale, window_around(w.clock))
        opened = await w.account.activity.read_open_orders(CROSS)
    assert (found.ref, found.amount, found.status) == ("7", D(6000), "CONFIRMED")
    assert opened.order_ids == {7}


async def test_tiers_and_least_repayments_are_read_without_their_other_fields() -> None:
    tier = '[{"symbol": "BTCUSDT", "tier": 1, "effectiveMultiple": "", "initialRiskRatio": "1.1", '
    tier += '"liquidationRiskRatio": "1.05", "baseAssetMaxBorrowable": "9", "quoteAssetMaxBorrowable": "70000"}]'
    asset = '[{"assetName": "USDT", "userMinBorrow": "", "userMinRepay": "10", "delistTime": ""}]'
    async with connected_sandbox() as w:
        w.sandbox.add_fault(answer("/sapi/v1/margin/isolatedMarginTier", tier))
        w.sandbox.add_fault(answer("/sapi/v1/margin/allAssets", asset))
        (read,) = await w.account.read_tiers("BTCUSDT")
        assert (read.number, read.liquidation) == (1, D("1.05"))
        assert (await w.account.reference_data.read_min_repay()).content == {"USDT": D(10)}


async def test_liquidation_is_read_whatever_was_ordered() -> None:
    row = '{"orderId": 7, "symbol": "BTCUSDT", "side": "SELL", "avgPrice": "60000", "executedQty": "1", '
    row += '"qty": "", "price": "", "updatedTime": %d}'
    async with connected_sandbox() as w:
        body = f'{{"rows": [{row % int(w.clock.now().timestamp() * 1000)}], "total": 1}}'
        w.sandbox.add_fault(answer("/sapi/v1/margin/forceLiquidationRec", body))
        window = window_around(w.clock)
        (found,) = await w.account.read_liquidations((), window.since, window.until)
    assert (found.order_id, found.quantity) == (7, D(1))
