"""Transfers between wallets, their history, and the capital flow."""

from monitor.sandbox.amounts import format_decimal, format_plain
from monitor.sandbox.api.errors import SimApiError, invalid_parameter, not_a_margin_pair
from monitor.sandbox.api.weights import Weight
from monitor.sandbox.endpoints.history_paging import DAY_MS, paginate, time_window, visible_rows
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint
from monitor.sandbox.ledger.accounts import CapitalFlowRecord, TransferRecord
from monitor.sandbox.lending import transfers

FLOW_TYPES = (
    "TRANSFER", "BORROW", "REPAY", "BUY_INCOME", "BUY_EXPENSE", "SELL_INCOME", "SELL_EXPENSE",
    "TRADING_COMMISSION", "BUY_LIQUIDATION", "SELL_LIQUIDATION", "REPAY_LIQUIDATION", "OTHER_LIQUIDATION",
    "LIQUIDATION_FEE", "SMALL_BALANCE_CONVERT", "COMMISSION_RETURN", "SMALL_CONVERT",
)  # fmt: skip
MAX_FLOW_PAGE = 1000


def _transfer_weight(call: EndpointCall) -> Weight:
    return Weight(call.venue.scenario.readings.transfer_weight, "UID")


@endpoint("POST", "/sapi/v1/asset/transfer", "SIGNED", _transfer_weight, right="transfer")
def transfer(call: EndpointCall) -> object:
    """Move an amount between two wallets of the account."""
    params = call.params
    kind = params.required("type")
    asset = params.required("asset")
    amount = params.required_decimal("amount")
    way = transfers.find_route(call.venue, kind, params.get("fromSymbol"), params.get("toSymbol"))
    return {"tranId": transfers.execute_transfer(call.venue, call.account, way, asset, amount, by="api")}


@endpoint("GET", "/sapi/v1/asset/transfer", "SIGNED", 1)
def transfer_history(call: EndpointCall) -> object:
    """Transfers of one type, newest first."""
    params = call.params
    way = transfers.find_route(call.venue, params.required("type"), params.get("fromSymbol"), params.get("toSymbol"))
    first, last = time_window(call, depth_days=180)
    rows = [
        row
        for row in visible_rows(call, call.account.transfers, lambda row: row.at_ms)
        if row.kind == way.kind
        and first <= row.at_ms <= last
        and way.from_symbol in (None, row.source)
        and way.to_symbol in (None, row.target)
    ]
    answer = paginate(call, rows, _transfer_row)
    if not rows and call.venue.scenario.readings.empty_transfer_history == "no rows":
        del answer["rows"]
    return answer


@endpoint("GET", "/sapi/v1/margin/transfer", "SIGNED", 1)
def margin_transfer_history(call: EndpointCall) -> object:
    """Transfers in or out of a margin account, newest first."""
    params = call.params
    asset, symbol = params.get("asset"), params.get("isolatedSymbol")
    kind = params.get("type")
    if kind not in (None, "ROLL_IN", "ROLL_OUT"):
        raise invalid_parameter("type")
    first, last = time_window(call, span_days=30)
    scope = symbol or "cross"
    rows = [
        row
        for row in visible_rows(call, call.account.transfers, lambda row: row.at_ms)
        if scope in (row.source, row.target)
        and first <= row.at_ms <= last
        and asset in (None, row.asset)
        and kind in (None, "ROLL_IN" if row.target == scope else "ROLL_OUT")
    ]
    return paginate(call, rows, lambda row: _margin_transfer_row(call, scope, row))


@endpoint("GET", "/sapi/v1/margin/capital-flow", "SIGNED", 100)
def capital_flow(call: EndpointCall) -> object:
    """The capital flow of a margin account: the latest rows of the window, or those after `fromId`."""
    params = call.params
    asset, symbol, kind = params.get("asset"), params.get("symbol"), params.get("type")
    if kind is not None and kind not in FLOW_TYPES:
        raise invalid_parameter("type")
    if symbol is not None and call.venue.listings.isolated_pair(symbol) is None:
        raise not_a_margin_pair()
    limit = params.integer("limit") or 500
    if not 0 < limit <= MAX_FLOW_PAGE:
        raise invalid_parameter("limit")
    first, last = _flow_window(call)
    after = params.integer("fromId")
    rows = [
        row
        for row in reversed(
            visible_rows(call, call.account.flows, lambda row: row.at_ms, call.venue.scenario.readings.flow_lag_s)
        )
        if row.symbol == symbol
        and first <= row.at_ms <= last
        and asset in (None, row.asset)
        and kind in (None, row.kind)
        and (after is None or row.number > after)
    ]
    return [_flow_row(row) for row in (rows[-limit:] if after is None else rows[:limit])]


def _flow_window(call: EndpointCall) -> tuple[int, int]:
    week = 7 * DAY_MS
    start, end = call.params.integer("startTime"), call.params.integer("endTime")
    if start is not None and end is None:
        return max(start, call.now_ms - 90 * DAY_MS), min(call.now_ms, start + week)
    return time_window(call, span_days=7, depth_days=90, too_long=_window_too_long)


def _window_too_long() -> SimApiError:
    return SimApiError(-4047, "Time interval must be within 0-7 days")


def _transfer_row(row: TransferRecord) -> dict[str, object]:
    return {
        "asset": row.asset,
        "amount": format_plain(row.amount),
        "type": row.kind,
        "status": "CONFIRMED",
        "tranId": row.tran_id,
        "timestamp": row.at_ms,
    }


def _margin_transfer_row(call: EndpointCall, scope: str, row: TransferRecord) -> dict[str, object]:
    readings = call.venue.scenario.readings
    answer: dict[str, object] = {
        "amount": format_decimal(row.amount),
        "asset": row.asset,
        "status": "CONFIRMED",
        "timestamp": row.at_ms // 1000 if readings.margin_transfer_times == "s" else row.at_ms,
        "txId": row.tran_id if readings.transfer_txid_is_tranid else row.tran_id + 5_000_000_000,
        "type": "ROLL_IN" if row.target == scope else "ROLL_OUT",
        "transFrom": _place_name(row.source),
        "transTo": _place_name(row.target),
    }
    ends = (("fromSymbol", row.source), ("toSymbol", row.target))
    return answer | {name: place for name, place in ends if _place_name(place) == "ISOLATED_MARGIN"}


def _place_name(place: str) -> str:
    return {"spot": "SPOT", "funding": "FUNDING", "cross": "CROSS_MARGIN"}.get(place, "ISOLATED_MARGIN")


def _flow_row(row: CapitalFlowRecord) -> dict[str, object]:
    answer: dict[str, object] = {
        "id": row.number,
        "tranId": row.tran_id,
        "timestamp": row.at_ms,
        "asset": row.asset,
        "type": row.kind,
        "amount": format_plain(row.amount),
    }
    if row.symbol is not None:
        answer["symbol"] = row.symbol
    return answer
