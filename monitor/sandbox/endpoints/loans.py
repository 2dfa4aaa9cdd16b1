"""Loans: borrow, repay, limits, and the histories of interest and liquidation."""

import asyncio
from collections.abc import Awaitable

from monitor.sandbox.amounts import format_decimal, format_plain
from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.api.weights import Weight
from monitor.sandbox.endpoints.history_paging import DAY_MS, paginate, time_window, visible_rows
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint
from monitor.sandbox.ledger.accounts import InterestRecord, LiquidationRecord, LoanRecord
from monitor.sandbox.lending import loans, transfers


@endpoint("POST", "/sapi/v1/margin/borrow-repay", "SIGNED", 1500, "UID", right="margin")
def borrow_or_repay(call: EndpointCall) -> Awaitable[object]:
    """Borrow or repay manually. One at a time for each account: a second one in flight is refused (-3007)."""
    return _borrow_or_repay(call)


async def _borrow_or_repay(call: EndpointCall) -> object:
    params = call.params
    asset = params.required("asset")
    params.required("isIsolated")
    isolated = params.flag("isIsolated")
    amount = params.required_decimal("amount")
    direction = params.choice("type", "BORROW", "REPAY")
    symbol = params.required("symbol") if isolated else None
    margin = call.margin(symbol)
    account, venue = call.account, call.venue
    if account.loan_in_flight:
        raise SimApiError(-3007, "You have pending transaction, please try again later.")
    account.loan_in_flight = True
    try:
        await asyncio.sleep(venue.scenario.limits.loan_delay_s / max(1.0, venue.timeline.speed))
        act = loans.borrow if direction == "BORROW" else loans.repay
        return {"tranId": act(venue, account, margin, asset, amount, by="api")}
    finally:
        account.loan_in_flight = False


@endpoint("GET", "/sapi/v1/margin/borrow-repay", "SIGNED", 10)
def loan_history(call: EndpointCall) -> object:
    """Loans taken or repaid, newest first."""
    params = call.params
    direction = params.choice("type", "BORROW", "REPAY")
    asset, symbol = params.get("asset"), params.get("isolatedSymbol")
    number = params.integer("txId")
    first, last = time_window(call)
    first = max(first, last - (30 if asset else 7) * DAY_MS)
    rows = [
        row
        for row in visible_rows(call, call.account.loans, lambda row: row.at_ms)
        if row.direction == direction
        and row.symbol == symbol
        and (row.tran_id == number if number is not None else first <= row.at_ms <= last)
        and asset in (None, row.asset)
    ]
    return paginate(call, rows, lambda row: _loan_row(call, row))


def _max_borrowable_weight(call: EndpointCall) -> Weight:
    return Weight(50) if call.venue.scenario.readings.max_borrowable_weight == "50 IP" else Weight(750, "UID")


@endpoint("GET", "/sapi/v1/margin/maxBorrowable", "SIGNED", _max_borrowable_weight)
def get_max_borrowable(call: EndpointCall) -> object:
    """The amount that can be borrowed now, and the user's cap."""
    asset = call.params.required("asset")
    margin = call.margin(call.params.get("isolatedSymbol"))
    loans.check_asset(call.venue, margin, asset)
    return {
        "amount": format_decimal(loans.max_borrowable(call.venue, call.account, margin, asset)),
        "borrowLimit": format_plain(loans.borrow_limit(call.venue, margin, asset)),
    }


@endpoint("GET", "/sapi/v1/margin/maxTransferable", "SIGNED", 50)
def get_max_transferable(call: EndpointCall) -> object:
    """The amount that may leave the margin account now."""
    asset = call.params.required("asset")
    margin = call.margin(call.params.get("isolatedSymbol"))
    loans.check_asset(call.venue, margin, asset)
    return {"amount": format_decimal(transfers.max_transferable(call.venue, call.account, margin, asset))}


@endpoint("GET", "/sapi/v1/margin/interestHistory", "SIGNED", 1)
def interest_history(call: EndpointCall) -> object:
    """Charges of interest, newest first; cross, or one pair."""
    asset, symbol = call.params.get("asset"), call.params.get("isolatedSymbol")
    first, last = time_window(call, span_days=30, depth_days=90)
    rows = [
        row
        for row in visible_rows(call, call.account.interest, lambda row: row.at_ms)
        if row.symbol == symbol and first <= row.at_ms <= last and asset in (None, row.asset)
    ]
    return paginate(call, rows, _interest_row)


@endpoint("GET", "/sapi/v1/margin/forceLiquidationRec", "SIGNED", 1)
def liquidation_history(call: EndpointCall) -> object:
    """Liquidation orders of the exchange, newest first; of one pair, else of cross or of all."""
    symbol = call.params.get("isolatedSymbol")
    every = not symbol and call.venue.scenario.readings.liquidations_of_cross == "all"
    first, last = time_window(call, default_days=30, depth_days=90)
    rows = [
        row
        for row in visible_rows(call, call.account.liquidations, lambda row: row.at_ms)
        if (every or (row.isolated and row.symbol == symbol if symbol else not row.isolated))
        and first <= row.at_ms <= last
    ]
    return paginate(call, rows, _liquidation_row)


def _loan_row(call: EndpointCall, row: LoanRecord) -> dict[str, object]:
    pending = call.now_ms - row.at_ms < call.venue.scenario.readings.loan_pending_s * 1000
    answer: dict[str, object] = {
        "type": row.kind,
        "amount": format_decimal(row.principal + row.interest),
        "asset": row.asset,
        "interest": format_decimal(row.interest),
        "principal": format_decimal(row.principal),
        "status": "PENDING" if pending else "CONFIRMED",
        "timestamp": row.at_ms,
        "txId": row.tran_id,
    }
    if row.symbol is not None:
        answer["isolatedSymbol"] = row.symbol
    return answer


def _interest_row(row: InterestRecord) -> dict[str, object]:
    answer: dict[str, object] = {
        "txId": row.tran_id,
        "interestAccuredTime": row.at_ms,
        "asset": row.asset,
        "principal": format_decimal(row.principal),
        "interest": format_decimal(row.interest),
        "interestRate": format_decimal(row.daily_rate),
        "type": row.kind,
    }
    if row.symbol is None:
        answer["rawAsset"] = row.raw_asset
    else:
        answer["isolatedSymbol"] = row.symbol
    return answer


def _liquidation_row(row: LiquidationRecord) -> dict[str, object]:
    return {
        "avgPrice": format_decimal(row.price),
        "executedQty": format_decimal(row.quantity),
        "orderId": row.order_id,
        "price": format_decimal(row.price),
        "qty": format_decimal(row.quantity),
        "side": row.side,
        "symbol": row.symbol,
        "timeInForce": "GTC",
        "isIsolated": row.isolated,
        "updatedTime": row.at_ms,
    }
