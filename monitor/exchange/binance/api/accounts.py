"""Margin accounts: balances, thresholds, borrow limits and settings."""

from collections.abc import Sequence

from monitor.exchange.binance.api.endpoint_function import declaration_only, read, write
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.wire.accounts import (
    AccountInfoPayload,
    AccountLimitPayload,
    BnbBurn,
    CrossAccountPayload,
    IsolatedAccountPayload,
    IsolatedTierRow,
    KeyPermissionsPayload,
    MaxBorrowable,
    MaxTransferable,
    ThresholdsPayload,
    TradingStatusPayload,
)
from monitor.exchange.binance.wire.acknowledgements import SuccessPayload
from monitor.exchange.binance.wire.market_data import CrossTermsRow, IsolatedTermsRow
from monitor.exchange.binance.wire.row_decoding import WHOLE_ANSWER


def _cross_data_weight(params: Parameters) -> int:
    return 1 if params.get("coin") else 5


def _isolated_data_weight(params: Parameters) -> int:
    return 1 if params.get("symbol") else 10


@read("GET", "/sapi/v1/margin/account", weight=10, priority=Priority.FIRST, rows="userAssets")
def get_margin_account() -> CrossAccountPayload:
    """The cross account: every asset, zeros included. It has no index price."""
    declaration_only()


@read("GET", "/sapi/v1/margin/isolated/account", weight=10, priority=Priority.FIRST, rows="assets")
def get_isolated_margin_account(*, symbols: Sequence[str] | None = None) -> IsolatedAccountPayload:
    """The isolated pairs, all or at most five; the totals come only with all."""
    declaration_only()


@read("GET", "/sapi/v1/margin/tradeCoeff", weight=10, priority=Priority.LAST)
def get_margin_trade_coeff() -> ThresholdsPayload:
    """The cross account's own bars."""
    declaration_only()


# The change log says 750 per account, the newest client's text 50 per address: the dearer is budgeted.
@read("GET", "/sapi/v1/margin/maxBorrowable", weight=750, counted="uid", aliases=("margin_max_borrowable",))
def get_max_margin_loan(*, asset: str, isolated_symbol: str | None = None) -> MaxBorrowable:
    """What can be borrowed now. Dear: not for polling."""
    declaration_only()


@read("GET", "/sapi/v1/margin/maxTransferable", weight=50)
def get_max_margin_transfer(*, asset: str, isolated_symbol: str | None = None) -> MaxTransferable:
    """What may leave the margin account now."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/crossMarginData",
    weight=5,
    weight_of=_cross_data_weight,
    aliases=("get_cross_margin_data",),
    priority=Priority.LAST,
    rows=WHOLE_ANSWER,
)
def get_margin_fee(*, vip_level: int | None = None, coin: str | None = None) -> list[CrossTermsRow]:
    """Interest and borrow limits in cross margin; no trading fees. Default: the user's own level."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/isolatedMarginData",
    weight=10,
    weight_of=_isolated_data_weight,
    aliases=("get_isolated_margin_fee_data",),
    priority=Priority.LAST,
)
def get_isolated_margin_fee(*, vip_level: int | None = None, symbol: str | None = None) -> list[IsolatedTermsRow]:
    """Interest and borrow limits of isolated pairs; no trading fees."""
    declaration_only()


@read("GET", "/sapi/v1/margin/isolatedMarginTier", priority=Priority.LAST)
def get_isolated_margin_tier(*, symbol: str, tier: int | None = None) -> list[IsolatedTierRow]:
    """The tiers of an isolated pair, with the levels at which it is liquidated."""
    declaration_only()


@read("GET", "/sapi/v1/margin/isolated/accountLimit", priority=Priority.LAST)
def get_isolated_margin_account_limit() -> AccountLimitPayload:
    """How many isolated accounts are enabled and how many may be."""
    declaration_only()


@read("GET", "/sapi/v1/bnbBurn", priority=Priority.LAST, aliases=("get_bnb_burn_spot_margin",))
def get_bnb_burn() -> BnbBurn:
    """Whether fees and interest are paid in BNB."""
    declaration_only()


@read("GET", "/sapi/v1/account/apiRestrictions", priority=Priority.LAST, aliases=("get_account_api_permissions",))
def get_api_restrictions() -> KeyPermissionsPayload:
    """What the key may do."""
    declaration_only()


@read("GET", "/sapi/v1/account/info", priority=Priority.LAST)
def get_account_info() -> AccountInfoPayload:
    """The user's level, and whether margin is open."""
    declaration_only()


@read("GET", "/sapi/v1/account/apiTradingStatus", priority=Priority.LAST, aliases=("get_account_api_trading_status",))
def get_api_trading_status() -> TradingStatusPayload:
    """Whether trading by API is locked."""
    declaration_only()


@write("setting", "POST", "/sapi/v1/margin/isolated/account", weight=300)
def enable_isolated_margin_account(*, symbol: str) -> SuccessPayload:
    """Takes a disabled pair up again; one that never was comes to be by the first transfer into it."""
    declaration_only()


@write("setting", "DELETE", "/sapi/v1/margin/isolated/account", weight=300)
def disable_isolated_margin_account(*, symbol: str) -> SuccessPayload:
    """Switches a pair off; once in 24 hours a pair."""
    declaration_only()


@write("setting", "POST", "/sapi/v1/margin/max-leverage", weight=3000)
def set_margin_max_leverage(*, max_leverage: int) -> SuccessPayload:
    """Sets the cross account's leverage, 3 or 5; once a minute."""
    declaration_only()


@write(
    "setting",
    "POST",
    "/sapi/v1/bnbBurn",
    counted="ip",
    bool_style="true",
    names={"spot_bnb_burn": "spotBNBBurn", "interest_bnb_burn": "interestBNBBurn"},
    aliases=("toggle_bnb_burn_spot_margin",),
)
def set_bnb_burn(*, spot_bnb_burn: bool | None = None, interest_bnb_burn: bool | None = None) -> BnbBurn:
    """Lets fees or interest be paid in BNB; at least one must be given."""
    declaration_only()
