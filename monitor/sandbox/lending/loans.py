"""Borrowing and repaying, and how much may be borrowed."""

from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ONE, ZERO, down, places
from monitor.sandbox.api.errors import Refusal, not_an_asset
from monitor.sandbox.ledger.accounts import Account, Actor, LoanRecord, Margin
from monitor.sandbox.lending import interest
from monitor.sandbox.market.listings import Catalogue
from monitor.sandbox.venue import Venue

BORROW_LIMIT_USDT = Decimal(5_000_000)

Direction = Literal["BORROW", "REPAY"]


def check_asset(venue: Venue, margin: Margin, asset: str) -> None:
    """Refuse an asset that this margin account can't hold (-3027)."""
    if margin.symbol is None:
        known = asset in venue.catalogue.collateral
    else:
        pair = venue.catalogue.pairs[margin.symbol]
        known = asset in (pair.base, pair.quote)
    if not known:
        raise not_an_asset()


def check_amount(amount: Decimal) -> None:
    """Refuse an amount that is not positive, or has more than eight decimals (-1111)."""
    if amount <= 0:
        raise Refusal(-3026, "Your input param is invalid.")
    if places(amount) > 8:
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")


def borrow(
    venue: Venue, account: Account, margin: Margin, asset: str, amount: Decimal, *, kind: str = "MANUAL", by: Actor
) -> int:
    """Take a loan and its first hour of interest. Returns the tranId; raises Refusal."""
    check_asset(venue, margin, asset)
    check_amount(amount)
    if not margin.enabled:
        raise Refusal(-3008, "Borrow not allowed.")
    if amount > venue.scenario.inventory.get(asset, amount):
        raise Refusal(-3045, "The system doesn't have enough asset now.")
    if amount > max_borrowable(venue, account, margin, asset):
        if margin.symbol is None:
            raise Refusal(-3006, "Your borrow amount has exceed maximum borrow amount.")
        raise Refusal(-11008, "Exceeding the account's maximum borrowable limit.")
    venue.books.lend(margin.wallet, asset, amount)
    first_hour = interest.charge(venue, account, margin, asset, amount, "ON_BORROW")
    tran_id = _record(venue, account, margin, "BORROW", kind, asset, amount, ZERO, by)
    venue.tell_liability(margin, asset, "BORROW", amount, first_hour)
    _tell(venue, margin, asset, amount)
    return tran_id


def repay(
    venue: Venue, account: Account, margin: Margin, asset: str, amount: Decimal, *, kind: str = "MANUAL", by: Actor
) -> int:
    """Repay from the margin account's free balance, interest first. Returns the tranId; raises Refusal."""
    check_asset(venue, margin, asset)
    check_amount(amount)
    balance = margin.wallet.get(asset)
    if amount > balance.owed:
        raise Refusal(-3015, "Repay amount exceeds borrow amount.")
    least = venue.catalogue.min_repay(asset)
    if amount < min(least, balance.owed):
        raise Refusal(-3016, "Repay amount less than minimum repay amount.")
    if ZERO < balance.owed - amount < least:
        raise Refusal(venue.scenario.readings.small_rest_code, "The unpaid debt is too small after this repayment.")
    if amount > balance.free:
        raise Refusal(-3041, "Balance is not enough")
    interest_part, principal_part = venue.books.repay(margin.wallet, asset, amount)
    tran_id = _record(venue, account, margin, "REPAY", kind, asset, principal_part, interest_part, by)
    venue.tell_liability(margin, asset, "REPAY", principal_part, interest_part)
    _tell(venue, margin, asset, -amount)
    return tran_id


def max_borrowable(venue: Venue, account: Account, margin: Margin, asset: str) -> Decimal:
    """How much of `asset` the level, the user's limit and the inventory allow to borrow now."""
    price = venue.prices.usdt(asset)
    standing = venue.valuer.standing(account, margin)
    initial = standing.bars.initial
    if not price or initial <= ONE:
        return ZERO
    share = ONE if margin.symbol is not None else _first_rate(venue.catalogue, asset)
    room = (standing.collateral - initial * standing.liabilities) / (initial - share) / price
    limit = borrow_limit(venue, margin, asset) - margin.wallet.owed(asset)
    return max(ZERO, down(min(room, limit, venue.scenario.inventory.get(asset, limit))))


def borrow_limit(venue: Venue, margin: Margin, asset: str) -> Decimal:
    """The cap by the user's level: of the last tier for an isolated pair."""
    if margin.symbol is None:
        price = venue.prices.usdt(asset)
        return down(BORROW_LIMIT_USDT / price) if price else ZERO
    tier = venue.catalogue.tiers(margin.symbol)[-1]
    return tier.base_max if asset == venue.catalogue.pairs[margin.symbol].base else tier.quote_max


def _first_rate(catalogue: Catalogue, asset: str) -> Decimal:
    tiers = catalogue.collateral.get(asset)
    return tiers[0].rate if tiers else ZERO


def _record(
    venue: Venue,
    account: Account,
    margin: Margin,
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


def _tell(venue: Venue, margin: Margin, asset: str, delta: Decimal) -> None:
    if venue.scenario.readings.loan_sends_balance_update:
        venue.tell_balance(margin, asset, delta)
    venue.tell_position(margin, [asset])
