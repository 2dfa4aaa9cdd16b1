"""Borrowing and repaying, and borrowing limits."""

from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ONE, ZERO, decimal_places, round_down
from monitor.sandbox.api.errors import SimApiError, not_a_margin_asset
from monitor.sandbox.ledger.accounts import Actor, LoanRecord, SimAccount, SimMarginAccount
from monitor.sandbox.lending import interest
from monitor.sandbox.market.listings import Listings
from monitor.sandbox.venue import Venue

BORROW_LIMIT_USDT = Decimal(5_000_000)

Direction = Literal["BORROW", "REPAY"]


def check_asset(venue: Venue, margin: SimMarginAccount, asset: str) -> None:
    """Refuse an asset that this margin account can't hold (-3027)."""
    if margin.symbol is None:
        known = asset in venue.listings.collateral
    else:
        pair = venue.listings.pairs[margin.symbol]
        known = asset in (pair.base, pair.quote)
    if not known:
        raise not_a_margin_asset()


def check_amount(amount: Decimal) -> None:
    """Refuse an amount that is not positive, or has more than eight decimals (-1111)."""
    if amount <= 0:
        raise SimApiError(-3026, "Your input param is invalid.")
    if decimal_places(amount) > 8:
        raise SimApiError(-1111, "Precision is over the maximum defined for this asset.")


def borrow(
    venue: Venue,
    account: SimAccount,
    margin: SimMarginAccount,
    asset: str,
    amount: Decimal,
    *,
    kind: str = "MANUAL",
    by: Actor,
) -> int:
    """Take a loan and its first hour of interest. Returns the tranId; raises SimApiError."""
    check_asset(venue, margin, asset)
    check_amount(amount)
    if not margin.enabled:
        raise SimApiError(-3008, "Borrow not allowed.")
    if amount > venue.scenario.inventory.get(asset, amount):
        raise SimApiError(-3045, "The system doesn't have enough asset now.")
    if amount > max_borrowable(venue, account, margin, asset):
        if margin.symbol is None:
            raise SimApiError(-3006, "Your borrow amount has exceed maximum borrow amount.")
        raise SimApiError(-11008, "Exceeding the account's maximum borrowable limit.")
    venue.ledger.lend(margin.wallet, asset, amount)
    first_hour = interest.charge_interest(venue, account, margin, asset, amount, "ON_BORROW")
    tran_id = _record_loan(venue, account, margin, "BORROW", kind, asset, amount, ZERO, by)
    venue.emit_liability_change(margin, asset, "BORROW", amount, first_hour)
    _emit_changes(venue, margin, asset, amount)
    return tran_id


def repay(
    venue: Venue,
    account: SimAccount,
    margin: SimMarginAccount,
    asset: str,
    amount: Decimal,
    *,
    kind: str = "MANUAL",
    by: Actor,
) -> int:
    """Repay from the margin account's free balance, interest first. Returns the tranId; raises SimApiError."""
    check_asset(venue, margin, asset)
    check_amount(amount)
    balance = margin.wallet.get(asset)
    if amount > balance.owed:
        raise SimApiError(-3015, "Repay amount exceeds borrow amount.")
    least = venue.listings.min_repay(asset)
    if amount < min(least, balance.owed):
        raise SimApiError(-3016, "Repay amount less than minimum repay amount.")
    if ZERO < balance.owed - amount < least:
        raise SimApiError(venue.scenario.readings.small_rest_code, "The unpaid debt is too small after this repayment.")
    if amount > balance.free:
        raise SimApiError(-3041, "Balance is not enough")
    interest_part, principal_part = venue.ledger.repay(margin.wallet, asset, amount)
    tran_id = _record_loan(venue, account, margin, "REPAY", kind, asset, principal_part, interest_part, by)
    venue.emit_liability_change(margin, asset, "REPAY", principal_part, interest_part)
    _emit_changes(venue, margin, asset, -amount)
    return tran_id


def max_borrowable(venue: Venue, account: SimAccount, margin: SimMarginAccount, asset: str) -> Decimal:
    """The amount of `asset` that the level, the user's limit and the inventory allow to borrow now."""
    price = venue.prices.usdt_price(asset)
    standing = venue.valuer.value_account(account, margin)
    initial = standing.thresholds.initial
    if not price or initial <= ONE:
        return ZERO
    share = ONE if margin.symbol is not None else _first_hour_rate(venue.listings, asset)
    room = (standing.collateral - initial * standing.liabilities) / (initial - share) / price
    limit = borrow_limit(venue, margin, asset) - margin.wallet.owed(asset)
    return max(ZERO, round_down(min(room, limit, venue.scenario.inventory.get(asset, limit))))


def borrow_limit(venue: Venue, margin: SimMarginAccount, asset: str) -> Decimal:
    """The cap by the user's VIP level; for an isolated pair that of the last tier."""
    if margin.symbol is None:
        price = venue.prices.usdt_price(asset)
        return round_down(BORROW_LIMIT_USDT / price) if price else ZERO
    tier = venue.listings.tiers(margin.symbol)[-1]
    return tier.base_max if asset == venue.listings.pairs[margin.symbol].base else tier.quote_max


def _first_hour_rate(catalogue: Listings, asset: str) -> Decimal:
    tiers = catalogue.collateral.get(asset)
    return tiers[0].rate if tiers else ZERO


def _record_loan(
    venue: Venue,
    account: SimAccount,
    margin: SimMarginAccount,
    direction: Direction,
    kind: str,
    asset: str,
    principal: Decimal,
    interest_part: Decimal,
    by: Actor,
) -> int:
    tran_id = venue.next_tran_id()
    amount = principal + interest_part
    account.loans.append(
        LoanRecord(tran_id, venue.now_ms(), direction, kind, margin.symbol, asset, principal, interest_part, by)
    )
    venue.record_flow(account, margin.symbol, asset, direction, amount if direction == "BORROW" else -amount, tran_id)
    source, target = ("lender", margin.scope) if direction == "BORROW" else (margin.scope, "lender")
    venue.record_movement(account, direction.lower(), asset, amount, source, target, tran_id, by)
    return tran_id


def _emit_changes(venue: Venue, margin: SimMarginAccount, asset: str, delta: Decimal) -> None:
    if venue.scenario.readings.loan_sends_balance_update:
        venue.emit_balance_update(margin, asset, delta)
    venue.emit_position(margin, [asset])
