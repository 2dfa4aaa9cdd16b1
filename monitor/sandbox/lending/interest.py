"""Interest: simple on the principal, charged for the first hour at borrowing and then at every full hour."""

from decimal import Decimal

from monitor.sandbox.amounts import ZERO, round_half_up
from monitor.sandbox.ledger.accounts import InterestRecord, SimAccount, SimMarginAccount
from monitor.sandbox.venue import Venue

SECONDS_PER_HOUR = 3600
BNB_DISCOUNT = Decimal("0.95")


def charge_interest(
    venue: Venue, account: SimAccount, margin: SimMarginAccount, asset: str, principal: Decimal, kind: str
) -> Decimal:
    """Charge one hour on `principal` of `asset`. `kind` is ON_BORROW or PERIODIC.

    Returns the amount charged in that asset: zero when it is charged in BNB instead.
    """
    amount = round_half_up(principal * venue.listings.hourly_rate(asset))
    charged, charged_in = amount, asset
    if account.interest_in_bnb and margin.symbol is None and venue.prices.usdt_price("BNB"):
        in_bnb = amount * venue.prices.usdt_price(asset) / venue.prices.usdt_price("BNB")
        charged, charged_in, kind = round_half_up(in_bnb * BNB_DISCOUNT), "BNB", f"{kind}_CONVERTED"
    venue.ledger.accrue(margin.wallet, charged_in, charged)
    account.interest.append(
        InterestRecord(
            tran_id=venue.next_interest_id(),
            at_ms=venue.now_ms(),
            symbol=margin.symbol,
            asset=charged_in,
            raw_asset=asset,
            principal=principal,
            interest=charged,
            daily_rate=venue.listings.rates.get(asset, ZERO),
            kind=kind,
        )
    )
    if charged_in != asset and venue.scenario.readings.bnb_interest == "paid":
        _pay_from_bnb(venue, margin)
    return charged if charged_in == asset else ZERO


def charge_hourly_interest(venue: Venue) -> None:
    """Charge every debt of every account for the hour that begins now."""
    for account in venue.accounts.values():
        for margin in account.margins():
            for asset in margin.wallet.debts():
                principal = margin.wallet.get(asset).borrowed
                if principal:
                    amount = charge_interest(venue, account, margin, asset, principal, "PERIODIC")
                    venue.emit_liability_change(margin, asset, "INTEREST", ZERO, amount)


def _pay_from_bnb(venue: Venue, margin: SimMarginAccount) -> None:
    balance = margin.wallet.get("BNB")
    amount = min(balance.free, balance.interest)
    if amount:
        venue.ledger.repay(margin.wallet, "BNB", amount, "interest in BNB")
        venue.emit_position(margin, ["BNB"])
