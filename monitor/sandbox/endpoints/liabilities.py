"""Small liabilities, manual liquidation, and the liquidation loan."""

from decimal import Decimal

from monitor.sandbox.amounts import ONE, ZERO, format_decimal, format_plain, round_half_up
from monitor.sandbox.api.errors import SimApiError, missing_parameter, not_a_margin_asset
from monitor.sandbox.endpoints.history_paging import invalid_dates, paginate, time_window
from monitor.sandbox.endpoints.registry import EMPTY_ANSWER, EndpointCall, endpoint
from monitor.sandbox.ledger.accounts import LoanRepayment, SimMarginAccount, SmallLiabilityRecord
from monitor.sandbox.ledger.ledger import SimBalance
from monitor.sandbox.trading import liquidation

SMALL_LIABILITY_USDT = Decimal(10)
MAX_SMALL_LIABILITIES = 10
SMALL_EXCHANGE_INTERVAL_MS = 6 * 3600 * 1000
# The asset that small debts are converted into.
SMALL_TARGET_ASSET = "USDT"


@endpoint("GET", "/sapi/v1/margin/exchange-small-liability", "SIGNED", 100)
def small_liabilities(call: EndpointCall) -> object:
    """The cross debts worth less than 10 USDT."""
    return [_liability_row(call, asset, balance) for asset, balance in _small_debts(call).items()]


@endpoint("POST", "/sapi/v1/margin/exchange-small-liability", "SIGNED", 3000, "UID", right="margin")
def exchange_small_liabilities(call: EndpointCall) -> object:
    """Turn small debts into a debt in USDT, once in six hours. The answer has no body."""
    assets = list(dict.fromkeys(call.params.names("assetNames") or []))
    if not assets:
        raise missing_parameter("assetNames")
    small, account = _small_debts(call), call.account
    newest = account.small_liabilities[-1].at_ms if account.small_liabilities else None
    too_soon = newest is not None and call.now_ms - newest < SMALL_EXCHANGE_INTERVAL_MS
    if len(assets) > MAX_SMALL_LIABILITIES or too_soon:
        raise SimApiError(-3026, "Your input param is invalid.")
    for asset in assets:
        if asset not in small:
            raise not_a_margin_asset()
    for asset in assets:
        _exchange_debt(call, asset)
    return EMPTY_ANSWER if call.venue.scenario.readings.small_liability_body == "empty" else {}


@endpoint("GET", "/sapi/v1/margin/exchange-small-liability-history", "SIGNED", 100, "UID")
def small_liability_history(call: EndpointCall) -> object:
    """Small debts exchanged, newest first. The page is mandatory."""
    for name in ("current", "size"):
        call.params.required(name)
    first, last = time_window(call, default_days=30)
    rows = [row for row in reversed(call.account.small_liabilities) if first <= row.at_ms <= last]
    return paginate(
        call,
        rows,
        lambda row: {
            "asset": row.asset,
            "amount": format_decimal(row.amount),
            "targetAsset": SMALL_TARGET_ASSET,
            "targetAmount": format_decimal(row.target_amount),
            "bizType": "EXCHANGE_SMALL_LIABILITY",
            "timestamp": row.at_ms,
        },
    )


@endpoint("POST", "/sapi/v1/margin/manual-liquidation", "SIGNED", 3000, "UID", right="trading")
def liquidate_manually(call: EndpointCall) -> object:
    """Sell collateral until nothing is owed. The answer shows the largest debt before the sale."""
    isolated = call.params.choice("type", "MARGIN", "ISOLATED") == "ISOLATED"
    margin = call.isolated(call.params.required("symbol")) if isolated else call.cross()
    if isolated and not call.venue.scenario.readings.isolated_manual_liquidation:
        raise SimApiError(-3999, "This function is only available for invited users.")
    largest = max(margin.wallet.debts(), key=lambda asset: _usdt_value(call, asset, margin), default=None)
    if largest is None:
        raise SimApiError(-3010, "Repay not allowed.")
    answer = _liability_row(call, largest, margin.wallet.get(largest))
    liquidation.liquidate(call.venue, call.account, margin, until_debt_free=True)
    return answer


@endpoint("GET", "/sapi/v1/margin/liquidation-loan", "SIGNED", 100, "UID")
def liquidation_loan(call: EndpointCall) -> object:
    """The liquidation loan of a bankrupt cross account."""
    loan = call.account.liquidation_loan
    if not loan.amount:
        match call.venue.scenario.readings.no_liquidation_loan:
            case "refused":
                raise SimApiError(-21004, "No bankruptcy loan.")
            case "object":
                return {}
            case "list":
                return []
    return {
        "asset": "USDC",
        "amount": format_decimal(loan.amount),
        "repaidAmount": format_decimal(loan.repaid),
        "remainingAmount": format_decimal(loan.amount - loan.repaid),
    }


@endpoint("POST", "/sapi/v1/margin/liquidation-loan/repay", "SIGNED", 100, "UID", right="margin")
def repay_liquidation_loan(call: EndpointCall) -> object:
    """Repay the liquidation loan from the spot wallet."""
    asset, amount = call.params.required("asset"), call.params.required_decimal("amount")
    loan, venue = call.account.liquidation_loan, call.venue
    worth = round_half_up(amount * venue.prices.usdt_price(asset) / (venue.prices.usdt_price("USDC") or ONE))
    if not loan.amount - loan.repaid:
        raise SimApiError(-21004, "No bankruptcy loan.")
    if amount <= 0 or worth > loan.amount - loan.repaid:
        raise missing_parameter("amount")
    if call.account.spot.free(asset) < amount:
        raise SimApiError(-21005, "Not enough asset in spot wallet.")
    venue.ledger.pay(asset, amount, call.account.spot, "insurance", "liquidation loan")
    loan.repaid += worth
    number = venue.next_tran_id()
    loan.repayments.append(LoanRepayment(number, call.now_ms, asset, amount))
    venue.record_movement(call.account, "repay-liquidation-loan", asset, amount, "spot", "insurance", number, "api")
    return _repayment_row(loan.repayments[-1])


@endpoint("GET", "/sapi/v1/margin/liquidation-loan/repay-history", "SIGNED", 100, "UID")
def liquidation_loan_repayments(call: EndpointCall) -> object:
    """Repayments of the liquidation loan, newest first, at most 90 days at once."""
    first, last = time_window(call, default_days=90, span_days=90, too_long=invalid_dates)
    rows = [row for row in reversed(call.account.liquidation_loan.repayments) if first <= row.at_ms <= last]
    return paginate(call, rows, _repayment_row, size=50)


def _small_debts(call: EndpointCall) -> dict[str, SimBalance]:
    margin = call.cross()
    return {
        asset: margin.wallet.get(asset)
        for asset in margin.wallet.debts()
        if asset != SMALL_TARGET_ASSET and _usdt_value(call, asset, margin) < SMALL_LIABILITY_USDT
    }


def _usdt_value(call: EndpointCall, asset: str, margin: SimMarginAccount) -> Decimal:
    return margin.wallet.owed(asset) * call.venue.prices.usdt_price(asset)


def _liability_row(call: EndpointCall, asset: str, balance: SimBalance) -> dict[str, object]:
    worth = round_half_up(balance.owed * call.venue.prices.usdt_price(asset))
    return {
        "asset": asset,
        "interest": format_plain(balance.interest),
        "principal": format_plain(balance.borrowed),
        "liabilityAsset": SMALL_TARGET_ASSET,
        # The API sends a JSON number here, against its own rule; nothing computes with it.
        "liabilityQty": float(worth),
    }


def _exchange_debt(call: EndpointCall, asset: str) -> None:
    venue, account, margin = call.venue, call.account, call.cross()
    owed = margin.wallet.owed(asset)
    in_target = round_half_up(
        owed * venue.prices.usdt_price(asset) / (venue.prices.usdt_price(SMALL_TARGET_ASSET) or ONE)
    )
    venue.ledger.lend(margin.wallet, SMALL_TARGET_ASSET, in_target, "small liability")
    venue.ledger.pay(SMALL_TARGET_ASSET, in_target, margin.wallet, "market", "small liability")
    venue.ledger.pay(asset, owed, "market", margin.wallet, "small liability")
    interest, principal = venue.ledger.repay(margin.wallet, asset, owed, "small liability")
    number = venue.next_tran_id()
    venue.record_flow(account, None, asset, "SMALL_CONVERT", owed, number)
    venue.record_movement(account, "small-liability", asset, owed, "cross", "lender", number, "api")
    account.small_liabilities.append(SmallLiabilityRecord(call.now_ms, asset, owed, in_target))
    venue.emit_liability_change(margin, asset, "REPAY", principal, interest)
    venue.emit_liability_change(margin, SMALL_TARGET_ASSET, "BORROW", in_target, ZERO)


def _repayment_row(row: LoanRepayment) -> dict[str, object]:
    return {
        "repayId": row.number,
        "asset": row.asset,
        "amount": format_decimal(row.amount),
        "status": "SUCCESS",
        "createTime": row.at_ms,
    }
