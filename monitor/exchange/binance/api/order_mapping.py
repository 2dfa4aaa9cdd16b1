"""Manual calls as core's orders, and transfers split into two where no direct one exists."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.order import ManualCall, Order, Repay, Transfer, TransferSource
from monitor.core.numbers.amounts import ZERO
from monitor.exchange.binance.api.endpoint_function import P, T, WriteFunction, WriteKind
from monitor.exchange.binance.api.transfers import make_universal_transfer
from monitor.exchange.binance.signing import Parameters

CONFLICTING_KINDS: dict[WriteKind, str] = {"order": "reduce", "cancel_orders": "cancel_orders"}
"""Kind of intent that conflicts with a manual call of this kind."""

TRANSFER_TYPES: Mapping[tuple[TransferSource, bool], str] = {
    ("spot", False): "MAIN_MARGIN",
    ("funding", False): "FUNDING_MARGIN",
    ("spot", True): "MAIN_ISOLATED_MARGIN",
    ("cross", True): "MARGIN_ISOLATEDMARGIN",
}
"""The exchange's types of transfers into margin, by origin and by whether they enter an isolated pair.

The spellings of the two isolated types differ on purpose.
"""

TransferLeg = tuple[str, str | None, str | None]
"""One universal transfer: the exchange's type, and the pairs that it leaves and enters."""


MAX_EXPONENT, MIN_EXPONENT = 27, -18
"""Powers of ten between which every amount lies."""


def order_from_request(function: WriteFunction[P, T], params: Parameters) -> Order | ManualCall:
    """Return the repayment or transfer into margin that the request makes, else a manual call by the function's name.

    Raises ValueError for an invalid amount.
    """
    return _money_order(function, params) or _manual_call(function, params)


def split_transfer(params: Parameters) -> tuple[TransferLeg, TransferLeg] | None:
    """Return the two transfers through cross that replace the direct one of `params`; None where it is not direct.

    Between the two the asset is collateral of the cross account.
    """
    match params.get("type"):
        case "MAIN_ISOLATED_MARGIN":
            return ("MAIN_MARGIN", None, None), ("MARGIN_ISOLATEDMARGIN", None, str(params["toSymbol"]))
        case "ISOLATED_MARGIN_MAIN":
            return ("ISOLATEDMARGIN_MARGIN", str(params["fromSymbol"]), None), ("MARGIN_MAIN", None, None)
    return None


def leg_params(leg: TransferLeg, params: Parameters) -> Parameters:
    """Return the parameters of one of the two transfers, with the amount and asset of `params`."""
    kind, leaves, enters = leg
    given = {"type": kind, "asset": params["asset"], "amount": params["amount"]}
    return make_universal_transfer.request_params({**given, "fromSymbol": leaves, "toSymbol": enters})


def _money_order(function: WriteFunction[P, T], asked: Parameters) -> Order | None:
    asset, kind = str(asked.get("asset")), function.kind
    symbol = str(asked.get("symbol") or asked.get("toSymbol") or "")
    if kind == "repay" and function.name == "repay_margin_loan":
        isolated = str(asked.get("isIsolated")).upper() == "TRUE"
        return Repay(Scope(symbol) if isolated else CROSS, asset, _parse_amount(asked))
    if kind not in ("transfer_in", "transfer"):
        return None
    for (source, into_pair), name in TRANSFER_TYPES.items():
        if asked.get("type") == name:
            return Transfer(source, Scope(symbol) if into_pair else CROSS, asset, _parse_amount(asked))
    return None


def _manual_call(function: WriteFunction[P, T], asked: Parameters) -> ManualCall:
    symbol, pair = asked.get("symbol"), asked.get("fromSymbol") or asked.get("toSymbol")
    takes_side = function.find_parameter("isIsolated") is not None
    if symbol and (not takes_side or str(asked.get("isIsolated")).upper() == "TRUE"):
        pair = symbol
    asset = asked.get("asset") or asked.get("assetNames") or (symbol if takes_side else None) or ""
    amounts = [name for name in ("amount", "quantity", "quoteOrderQty") if name in asked]
    amount = _parse_amount(asked, amounts[0]) if amounts else ZERO
    return ManualCall(function.name, Scope(str(pair)) if pair else CROSS, str(asset), amount)


def _parse_amount(asked: Parameters, name: str = "amount") -> Decimal:
    try:
        amount = Decimal(str(asked.get(name)))
    except InvalidOperation:
        raise ValueError(f"{name}={asked.get(name)} is no amount") from None
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or amount <= 0 or exponent < MIN_EXPONENT or amount.adjusted() > MAX_EXPONENT:
        raise ValueError(f"{name}={asked.get(name)} is no amount")
    return amount
