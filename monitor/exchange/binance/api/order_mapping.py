"""What a change by hand is as an order, and by which ways assets travel."""

from decimal import Decimal, InvalidOperation

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.order import ByName, Order, Repay, Transfer
from monitor.core.numbers.amounts import ZERO
from monitor.exchange.binance.api.function import Change, ChangeKind, P, T
from monitor.exchange.binance.api.transfers import make_universal_transfer
from monitor.exchange.binance.signing import Parameters

MEETS: dict[ChangeKind, str] = {"order": "reduce", "cancel_orders": "cancel_orders"}
"""The kind of intent that a change by hand must not meet."""

Hop = tuple[str, str | None, str | None]
"""One universal transfer: the venue's type, and the pairs that it leaves and enters."""


LARGEST, SMALLEST = 27, -18
"""Powers of ten between which an amount of anything lies."""


def order_of(function: Change[P, T], asked: Parameters) -> Order | ByName:
    """The repayment or transfer into margin that the request is, or the change by name where it is something else.

    Raises ValueError for an amount that is none.
    """
    return _known(function, asked) or _by_name(function, asked)


def hops(asked: Parameters) -> tuple[Hop, Hop] | None:
    """The two transfers by way of cross that do what the direct one of `asked` would; None where it is not one.

    Between them what travels is collateral of the cross account. The two spellings differ on purpose.
    """
    match asked.get("type"):
        case "MAIN_ISOLATED_MARGIN":
            return ("MAIN_MARGIN", None, None), ("MARGIN_ISOLATEDMARGIN", None, str(asked["toSymbol"]))
        case "ISOLATED_MARGIN_MAIN":
            return ("ISOLATEDMARGIN_MARGIN", str(asked["fromSymbol"]), None), ("MARGIN_MAIN", None, None)
    return None


def hop_parameters(hop: Hop, asked: Parameters) -> Parameters:
    """The parameters of one of the two transfers, for the amount and asset of `asked`."""
    kind, leaves, enters = hop
    given = {"type": kind, "asset": asked["asset"], "amount": asked["amount"]}
    return make_universal_transfer.asked({**given, "fromSymbol": leaves, "toSymbol": enters})


def _known(function: Change[P, T], asked: Parameters) -> Order | None:
    asset, kind = str(asked.get("asset")), function.kind
    symbol = str(asked.get("symbol") or asked.get("toSymbol") or "")
    if kind == "repay" and function.name == "repay_margin_loan":
        isolated = str(asked.get("isIsolated")).upper() == "TRUE"
        return Repay(Scope(symbol) if isolated else CROSS, asset, _amount(asked))
    if kind not in ("transfer_in", "transfer"):
        return None
    match asked.get("type"):
        case "MAIN_MARGIN":
            return Transfer("spot", CROSS, asset, _amount(asked))
        case "FUNDING_MARGIN":
            return Transfer("funding", CROSS, asset, _amount(asked))
        case "MAIN_ISOLATED_MARGIN":
            return Transfer("spot", Scope(symbol), asset, _amount(asked))
        case "MARGIN_ISOLATEDMARGIN":
            return Transfer("cross", Scope(symbol), asset, _amount(asked))
    return None


def _by_name(function: Change[P, T], asked: Parameters) -> ByName:
    symbol, pair = asked.get("symbol"), asked.get("fromSymbol") or asked.get("toSymbol")
    takes_side = function.parameter("isIsolated") is not None
    if symbol and (not takes_side or str(asked.get("isIsolated")).upper() == "TRUE"):
        pair = symbol
    asset = asked.get("asset") or asked.get("assetNames") or (symbol if takes_side else None) or ""
    amounts = [name for name in ("amount", "quantity", "quoteOrderQty") if name in asked]
    amount = _amount(asked, amounts[0]) if amounts else ZERO
    return ByName(function.name, Scope(str(pair)) if pair else CROSS, str(asset), amount)


def _amount(asked: Parameters, name: str = "amount") -> Decimal:
    try:
        amount = Decimal(str(asked.get(name)))
    except InvalidOperation:
        raise ValueError(f"{name}={asked.get(name)} is no amount") from None
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or amount <= 0 or exponent < SMALLEST or amount.adjusted() > LARGEST:
        raise ValueError(f"{name}={asked.get(name)} is no amount")
    return amount
