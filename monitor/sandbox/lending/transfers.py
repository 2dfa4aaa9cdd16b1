"""Transfers between the wallets of one user, by the types of the universal transfer."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ZERO, round_down
from monitor.sandbox.amounts import decimal_places as decimals
from monitor.sandbox.api.errors import (
    SimApiError,
    invalid_parameter,
    missing_parameter,
    no_cross_account,
    no_isolated_account,
    not_a_margin_pair,
)
from monitor.sandbox.ledger.accounts import Actor, SimAccount, SimMarginAccount, TransferRecord
from monitor.sandbox.ledger.ledger import SimWallet
from monitor.sandbox.ledger.margin_levels import EXCESSIVE_LEVEL
from monitor.sandbox.lending.loans import check_asset
from monitor.sandbox.venue import Venue

WalletKind = Literal["spot", "funding", "cross", "isolated", "elsewhere"]

TRANSFER_KINDS: dict[str, tuple[WalletKind, WalletKind]] = {
    "MAIN_MARGIN": ("spot", "cross"),
    "MARGIN_MAIN": ("cross", "spot"),
    "MAIN_FUNDING": ("spot", "funding"),
    "FUNDING_MAIN": ("funding", "spot"),
    "FUNDING_MARGIN": ("funding", "cross"),
    "MARGIN_FUNDING": ("cross", "funding"),
    "MARGIN_ISOLATEDMARGIN": ("cross", "isolated"),
    "ISOLATEDMARGIN_MARGIN": ("isolated", "cross"),
    "ISOLATEDMARGIN_ISOLATEDMARGIN": ("isolated", "isolated"),
    "UMFUTURE_MARGIN": ("elsewhere", "cross"),
    "MARGIN_UMFUTURE": ("cross", "elsewhere"),
    "CMFUTURE_MARGIN": ("elsewhere", "cross"),
    "MARGIN_CMFUTURE": ("cross", "elsewhere"),
    "OPTION_MARGIN": ("elsewhere", "cross"),
    "MARGIN_OPTION": ("cross", "elsewhere"),
    "MAIN_PORTFOLIO_MARGIN": ("spot", "elsewhere"),
    "PORTFOLIO_MARGIN_MAIN": ("elsewhere", "spot"),
}
# Accepted for years and absent from today's official list: an interpretation decides whether they work.
DIRECT_TRANSFER_KINDS: dict[str, tuple[WalletKind, WalletKind]] = {
    "MAIN_ISOLATED_MARGIN": ("spot", "isolated"),
    "ISOLATED_MARGIN_MAIN": ("isolated", "spot"),
}


@dataclass(frozen=True, slots=True)
class SimTransferRoute:
    """Source and target of a transfer; with a symbol where that end is an isolated pair."""

    kind: str
    source: WalletKind
    target: WalletKind
    from_symbol: str | None
    to_symbol: str | None


def find_route(venue: Venue, kind: str, from_symbol: str | None, to_symbol: str | None) -> SimTransferRoute:
    """The route of a type and its symbols. Raises SimApiError.

    A symbol that the type does not use is ignored, as the exchange does.
    """
    known = (
        {**TRANSFER_KINDS, **DIRECT_TRANSFER_KINDS}
        if venue.scenario.readings.direct_isolated_transfer
        else TRANSFER_KINDS
    )
    ends = known.get(kind)
    if ends is None:
        raise invalid_parameter("type")
    source, target = ends
    if source == "isolated" and not from_symbol:
        raise missing_parameter("fromSymbol")
    if target == "isolated" and not to_symbol:
        raise missing_parameter("toSymbol")
    return SimTransferRoute(
        kind, source, target, from_symbol if source == "isolated" else None, to_symbol if target == "isolated" else None
    )


def execute_transfer(
    venue: Venue, account: SimAccount, route: SimTransferRoute, asset: str, amount: Decimal, *, by: Actor
) -> int:
    """Carry out a transfer. Returns the tranId; raises SimApiError without moving anything."""
    if amount <= 0:
        raise SimApiError(-5007, "Quantity must be greater than zero.")
    if decimals(amount) > 8:
        raise SimApiError(-1111, "Precision is over the maximum defined for this asset.")
    if "elsewhere" in (route.source, route.target):
        raise SimApiError(-5013, "Asset transfer failed: insufficient balance")
    _check_target(venue, account, route, asset)
    wallet, margin = _resolve_wallet(venue, account, route.source, route.from_symbol)
    if wallet.free(asset) < amount:
        raise SimApiError(-5013, "Asset transfer failed: insufficient balance")
    if margin is not None and amount > max_transferable(venue, account, margin, asset):
        raise SimApiError(-3020, "Transfer out amount exceeds max amount.")
    if route.target == "isolated" and route.to_symbol is not None:
        venue.open_isolated(account, route.to_symbol)
    into, into_margin = _resolve_wallet(venue, account, route.target, route.to_symbol)
    return _move(venue, account, route.kind, (wallet, margin), (into, into_margin), asset, amount, by)


def top_up(venue: Venue, account: SimAccount, asset: str, amount: Decimal) -> int:
    """The exchange's own transfer from spot into cross; the transfer history does not list it. Raises SimApiError."""
    if account.spot.free(asset) < amount:
        raise SimApiError(-5013, "Asset transfer failed: insufficient balance")
    ends = (account.spot, None), (account.cross.wallet, account.cross)
    return _move(venue, account, "AUTO_TOP_UP", *ends, asset, amount, "venue")


def max_transferable(venue: Venue, account: SimAccount, margin: SimMarginAccount, asset: str) -> Decimal:
    """The amount that may leave a margin account: the free one, as long as the level stays above 2."""
    free = margin.wallet.free(asset)
    standing = venue.valuer.value_account(account, margin)
    if not standing.liabilities:
        return free
    price = venue.prices.usdt_price(asset)
    if not price:
        return ZERO
    tiers = venue.listings.collateral.get(asset)
    share = tiers[0].rate if margin.symbol is None and tiers else Decimal(1)
    if not share:
        return free
    room = (standing.collateral - EXCESSIVE_LEVEL * standing.liabilities) / share / price
    return max(ZERO, round_down(min(free, room)))


def _move(
    venue: Venue,
    account: SimAccount,
    kind: str,
    source: tuple[SimWallet, SimMarginAccount | None],
    target: tuple[SimWallet, SimMarginAccount | None],
    asset: str,
    amount: Decimal,
    by: Actor,
) -> int:
    places = source[0].place, target[0].place
    venue.ledger.pay(asset, amount, source[0], target[0], kind)
    tran_id = venue.next_tran_id()
    account.transfers.append(TransferRecord(tran_id, venue.now_ms(), kind, asset, amount, *places, by))
    venue.record_movement(account, "transfer", asset, amount, *places, tran_id, by)
    for side, delta in ((source[1], -amount), (target[1], amount)):
        if side is not None:
            venue.record_flow(account, side.symbol, asset, "TRANSFER", delta, tran_id)
            venue.emit_balance_update(side, asset, delta)
            venue.emit_position(side, [asset])
    return tran_id


def _check_target(venue: Venue, account: SimAccount, route: SimTransferRoute, asset: str) -> None:
    if route.target == "cross":
        if not account.cross.created:
            raise no_cross_account()
        check_asset(venue, account.cross, asset)
    if route.target == "isolated":
        pair = venue.listings.isolated_pair(route.to_symbol or "")
        if pair is None:
            raise not_a_margin_pair()
        check_asset(venue, SimMarginAccount(account.name, account.cross.wallet, pair.symbol), asset)
    if route.target in ("cross", "isolated") and asset in venue.scenario.no_transfer_in:
        raise SimApiError(-3043, "Transferring in not allowed.")


def _resolve_wallet(
    venue: Venue, account: SimAccount, place: WalletKind, symbol: str | None
) -> tuple[SimWallet, SimMarginAccount | None]:
    if place == "spot":
        return account.spot, None
    if place == "funding":
        return account.funding, None
    margin = account.margin(symbol if place == "isolated" else None)
    if margin is None:
        raise no_cross_account() if place == "cross" else no_isolated_account()
    return margin.wallet, margin
