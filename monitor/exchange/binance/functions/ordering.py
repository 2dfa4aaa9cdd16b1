"""Which changes by hand are orders that the rest of the program knows, and by which ways assets travel."""

from decimal import Decimal, InvalidOperation

from monitor.core.account import CROSS, Scope
from monitor.core.intents import Order, Repay, Transfer
from monitor.exchange.binance.functions.function import Change, ChangeKind, P, T
from monitor.exchange.binance.functions.transfers import make_universal_transfer
from monitor.exchange.binance.signing import Parameters

NO_SUCH_WAY = frozenset({-1102, -1130})
"""Codes by which the venue refuses a way between two wallets that it has dropped."""

MEETS: dict[ChangeKind, str] = {"order": "reduce", "cancel_orders": "cancel_orders"}
"""The kind of intent that a change by hand must not meet."""

Hop = tuple[str, str | None, str | None]
"""One universal transfer: the venue's type, and the pairs that it leaves and enters."""


def order_of(function: Change[P, T], asked: Parameters) -> Order | None:
    """The repayment or transfer into margin that the request is; None where it is something else.

    Raises ValueError for an amount that is no number.
    """
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


def _amount(asked: Parameters) -> Decimal:
    try:
        amount = Decimal(str(asked.get("amount")))
    except InvalidOperation:
        raise ValueError(f"{asked.get('amount')} is no amount") from None
    if not amount.is_finite() or amount <= 0:
        raise ValueError(f"{asked.get('amount')} is no amount")
    return amount
