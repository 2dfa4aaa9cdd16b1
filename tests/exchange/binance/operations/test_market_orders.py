"""Market orders: an answer counts only for the order that was asked for."""

import json
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.order import Reduce, TimeWindow
from monitor.errors import PayloadRejected
from monitor.sandbox.faults import Fault
from tests.support.connected_sandbox import connected_sandbox

D = Decimal


@pytest.mark.parametrize(
    ("field", "other"), [("clientOrderId", "mm-2-1"), ("symbol", "ETHUSDT"), ("side", "BUY")], ids=lambda word: word
)
async def test_answer_about_another_order_proves_no_sale(field: str, other: str) -> None:
    row = {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "mm-1-1", "side": "SELL", "status": "FILLED"}
    row |= {"origQty": "0.1", "executedQty": "0.1", "cummulativeQuoteQty": "6000"}
    sale = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC", "mm-1-1")
    async with connected_sandbox() as w:
        told = row | {field: other, "time": int(w.clock.now().timestamp() * 1000)}
        w.sandbox.add_fault(Fault("status", path="/sapi/v1/margin/order", status=200, body=json.dumps(told)))
        with pytest.raises(PayloadRejected, match="another order than mm-1-1"):
            await w.account.find_records(sale, TimeWindow(w.clock.now(), w.clock.now()))
