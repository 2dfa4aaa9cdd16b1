"""Transfers between wallets, and conversions of dust."""

import msgspec

from monitor.exchange.binance.wire.field_types import Amount, Moment, Typed


class MarginTransfer(Typed, frozen=True, kw_only=True):
    """One transfer into (ROLL_IN) or out of (ROLL_OUT) margin."""

    tx_id: int
    asset: str
    amount: Amount
    status: str
    timestamp: Moment
    type: str
    trans_from: str | None = None
    trans_to: str | None = None
    from_symbol: str | None = None
    to_symbol: str | None = None


class UniversalTransfer(Typed, frozen=True, kw_only=True):
    """One transfer between two wallets."""

    tran_id: int
    asset: str
    amount: Amount
    status: str
    timestamp: Moment
    type: str = ""


class ConvertibleAsset(Typed, frozen=True, kw_only=True):
    """One rest too small to trade."""

    asset: str
    amount_free: Amount
    asset_full_name: str = ""
    to_btc: Amount | None = msgspec.field(name="toBTC", default=None)
    to_bnb: Amount | None = msgspec.field(name="toBNB", default=None)
    to_bnb_off_exchange: Amount | None = msgspec.field(name="toBNBOffExchange", default=None)
    exchange: Amount | None = None


class Dust(Typed, frozen=True, kw_only=True):
    """The rests that could be converted."""

    details: tuple[ConvertibleAsset, ...]
    total_transfer_btc: Amount | None = None
    total_transfer_bnb: Amount | None = msgspec.field(name="totalTransferBNB", default=None)
    dribblet_percentage: Amount | None = None


class DustConversion(Typed, frozen=True, kw_only=True):
    """One rest that was converted."""

    tran_id: int
    from_asset: str
    amount: Amount
    transfered_amount: Amount
    service_charge_amount: Amount
    operate_time: Moment


class DustResult(Typed, frozen=True):
    """What a conversion of rests brought."""

    total_service_charge: Amount
    total_transfered: Amount
    transfer_result: tuple[DustConversion, ...]


class DustLogRow(Typed, frozen=True, kw_only=True):
    """One rest of a conversion in the past."""

    trans_id: int
    from_asset: str
    amount: Amount
    transfered_amount: Amount
    service_charge_amount: Amount
    operate_time: Moment
    target_asset: str | None = None


class DustLogEntry(Typed, frozen=True, kw_only=True):
    """One conversion in the past."""

    trans_id: int
    operate_time: Moment
    total_transfered_amount: Amount
    total_service_charge_amount: Amount
    details: tuple[DustLogRow, ...] = msgspec.field(name="userAssetDribbletDetails")


class DustLog(Typed, frozen=True):
    """The last hundred conversions."""

    total: int
    entries: tuple[DustLogEntry, ...] = msgspec.field(name="userAssetDribblets", default=())
