"""Debts out of the ordinary: small liabilities, liquidation by hand, the loan that a bankruptcy leaves."""

from decimal import Decimal

from monitor.sandbox.amounts import ONE, ZERO, nearest, plain, text
from monitor.sandbox.api.errors import Refusal, missing, not_an_asset
from monitor.sandbox.endpoints.history_paging import bad_dates, page, window
from monitor.sandbox.endpoints.registry import NOTHING, Call, endpoint
from monitor.sandbox.ledger.accounts import LoanRepayment, Margin, SmallLiabilityRecord
from monitor.sandbox.ledger.ledger import Balance
from monitor.sandbox.trading import liquidation

SMALL_BELOW_USDT = Decimal(10)
MOST_SMALL = 10
SMALL_EVERY_MS = 6 * 3600 * 1000
# Small debts become debts in this asset.
SMALL_TARGET = "USDT"


@endpoint("GET", "/sapi/v1/margin/exchange-small-liability", "SIGNED", 100)
def small_liabilities(call: Call) -> object:
    """The cross debts worth less than 10 USDT."""
    return [_row(call, asset, balance) for asset, balance in _small(call).items()]


@endpoint("POST", "/sapi/v1/margin/exchange-small-liability", "SIGNED", 3000, "UID", right="margin")
def exchange_small_liabilities(call: Call) -> object:
    """Turn small debts into a debt in USDT, once in six hours. The answer has no body."""
    assets = list(dict.fromkeys(call.params.names("assetNames") or []))
    if not assets:
        raise missing("assetNames")
    small, account = _small(call), call.account
    newest = account.small_liabilities[-1].at_ms if account.small_liabilities else None
    too_soon = newest is not None and call.now_ms - newest < SMALL_EVERY_MS
    if len(assets) > MOST_SMALL or too_soon:
        raise Refusal(-3026, "Your input param is invalid.")
    for asset in assets:
        if asset not in small:
            raise not_an_asset()
    for asset in assets:
        _exchange(call, asset)
    return NOTHING if call.venue.scenario.readings.small_liability_body == "empty" else {}


@endpoint("GET", "/sapi/v1/margin/exchange-small-liability-history", "SIGNED", 100, "UID")
def small_liability_history(call: Call) -> object:
    """Small debts exchanged, newest first. The page must be named."""
    for name in ("current", "size"):
        call.params.required(name)
    first, last = window(call, default_days=30)
    rows = [row for row in reversed(call.account.small_liabilities) if first <= row.at_ms <= last]
    return page(
        call,
        rows,
        lambda row: {
            "asset": row.asset,
            "amount": text(row.amount),
            "targetAsset": SMALL_TARGET,
            "targetAmount": text(row.target_amount),
            "bizType": "EXCHANGE_SMALL_LIABILITY",
            "timestamp": row.at_ms,
        },
    )


@endpoint("POST", "/sapi/v1/margin/manual-liquidation", "SIGNED", 3000, "UID", right="trading")
def liquidate_by_hand(call: Call) -> object:
    """Sell collateral until nothing is owed. The answer shows the largest debt that there was."""
    isolated = call.params.choice("type", "MARGIN", "ISOLATED") == "ISOLATED"
    margin = call.isolated(call.params.required("symbol")) if isolated else call.cross()
    if isolated and not call.venue.scenario.readings.isolated_manual_liquidation:
        raise Refusal(-3999, "This function is only available for invited users.")
    largest = max(margin.wallet.debts(), key=lambda asset: _worth(call, asset, margin), default=None)
    if largest is None:
        raise Refusal(-3010, "Repay not allowed.")
    answer = _row(call, largest, margin.wallet.get(largest))
    liquidation.liquidate(call.venue, call.account, margin, everything=True)
    return answer


@endpoint("GET", "/sapi/v1/margin/liquidation-loan", "SIGNED", 100, "UID")
def liquidation_loan(call: Call) -> object:
    """What a bankrupt cross account owes."""
    loan = call.account.loan
    if not loan.amount:
        match call.venue.scenario.readings.no_liquidation_loan:
            case "refused":
                raise Refusal(-21004, "No bankruptcy loan.")
            case "object":
                return {}
            case "list":
                return []
    return {
        "asset": "USDC",
        "amount": text(loan.amount),
        "repaidAmount": text(loan.repaid),
        "remainingAmount": text(loan.amount - loan.repaid),
    }


@endpoint("POST", "/sapi/v1/margin/liquidation-loan/repay", "SIGNED", 100, "UID", right="margin")
def repay_liquidation_loan(call: Call) -> object:
    """Repay the liquidation loan from the spot wallet."""
    asset, amount = call.params.required("asset"), call.params.required_decimal("amount")
    loan, venue = call.account.loan, call.venue
    worth = nearest(amount * venue.prices.usdt(asset) / (venue.prices.usdt("USDC") or ONE))
    if not loan.amount - loan.repaid:
        raise Refusal(-21004, "No bankruptcy loan.")
    if amount <= 0 or worth > loan.amount - loan.repaid:
        raise missing("amount")
    if call.account.spot.free(asset) < amount:
        raise Refusal(-21005, "Not enough asset in spot wallet.")
    venue.books.pay(asset, amount, call.account.spot, "insurance", "liquidation loan")
    loan.repaid += worth
    number = venue.next_tran_id()
    loan.repayments.append(LoanRepayment(number, call.now_ms, asset, amount))
    venue.record_movement(call.account, "repay-liquidation-loan", asset, amount, "spot", "insurance", number, "api")
    return _repayment(loan.repayments[-1])


@endpoint("GET", "/sapi/v1/margin/liquidation-loan/repay-history", "SIGNED", 100, "UID")
def liquidation_loan_repayments(call: Call) -> object:
    """Repayments of the liquidation loan, newest first, at most 90 days at once."""
    first, last = window(call, default_days=90, span_days=90, too_long=bad_dates)
    rows = [row for row in reversed(call.account.loan.repayments) if first <= row.at_ms <= last]
    return page(call, rows, _repayment, size=50)


def _small(call: Call) -> dict[str, Balance]:
    margin = call.cross()
    return {
        asset: margin.wallet.get(asset)
        for asset in margin.wallet.debts()
        if asset != SMALL_TARGET and _worth(call, asset, margin) < SMALL_BELOW_USDT
    }


def _worth(call: Call, asset: str, margin: Margin) -> Decimal:
    return margin.wallet.owed(asset) * call.venue.prices.usdt(asset)


def _row(call: Call, asset: str, balance: Balance) -> dict[str, object]:
    worth = nearest(balance.owed * call.venue.prices.usdt(asset))
    return {
        "asset": asset,
        "interest": plain(balance.interest),
        "principal": plain(balance.borrowed),
        "liabilityAsset": SMALL_TARGET,
        # The wire wants a JSON number here, against its own rule; nothing computes with it.
        "liabilityQty": float(worth),
    }


def _exchange(call: Call, asset: str) -> None:
    venue, account, margin = call.venue, call.account, call.cross()
    owed = margin.wallet.owed(asset)
    in_target = nearest(owed * venue.prices.usdt(asset) / (venue.prices.usdt(SMALL_TARGET) or ONE))
    venue.books.lend(margin.wallet, SMALL_TARGET, in_target, "small liability")
    venue.books.pay(SMALL_TARGET, in_target, margin.wallet, "market", "small liability")
    venue.books.pay(asset, owed, "market", margin.wallet, "small liability")
    interest, principal = venue.books.repay(margin.wallet, asset, owed, "small liability")
    number = venue.next_tran_id()
    venue.record_flow(account, None, asset, "SMALL_CONVERT", owed, number)
    venue.record_movement(account, "small-liability", asset, owed, "cross", "lender", number, "api")
    account.small_liabilities.append(SmallLiabilityRecord(call.now_ms, asset, owed, in_target))
    venue.tell_liability(margin, asset, "REPAY", principal, interest)
    venue.tell_liability(margin, SMALL_TARGET, "BORROW", in_target, ZERO)


def _repayment(row: LoanRepayment) -> dict[str, object]:
    return {
        "repayId": row.number,
        "asset": row.asset,
        "amount": text(row.amount),
        "status": "SUCCESS",
        "createTime": row.at_ms,
    }
