"""Transfers between wallets, and conversions of dust."""

import msgspec

from monitor.exchange.binance.wire.field_types import DecimalText, Payload, Timestamp, UnsignedText


class MarginTransferRow(Payload, frozen=True, kw_only=True):
    """One transfer into (ROLL_IN) or out of (ROLL_OUT) margin."""

    tx_id: int
    asset: str
    amount: DecimalText
    status: str
    timestamp: Timestamp
    type: str
    trans_from: str | None = None
    trans_to: str | None = None
    from_symbol: str | None = None
    to_symbol: str | None = None


class UniversalTransferRow(Payload, frozen=True, kw_only=True):
    """One transfer between two wallets."""

    tran_id: int
    asset: str
    amount: UnsignedText
    status: str
    timestamp: Timestamp
    type: str = ""


class DustAssetRow(Payload, frozen=True, kw_only=True):
    """One amount of dust, too small to trade."""

    asset: str
    amount_free: DecimalText
    asset_full_name: str = ""
    to_btc: DecimalText | None = msgspec.field(name="toBTC", default=None)
    to_bnb: DecimalText | None = msgspec.field(name="toBNB", default=None)
    to_bnb_off_exchange: DecimalText | None = msgspec.field(name="toBNBOffExchange", default=None)
    exchange: DecimalText | None = None


class DustAssetsPayload(Payload, frozen=True, kw_only=True):
    """Dust that could be converted."""

    details: tuple[DustAssetRow, ...]
    total_transfer_btc: DecimalText | None = None
    total_transfer_bnb: DecimalText | None = msgspec.field(name="totalTransferBNB", default=None)
    dribblet_percentage: DecimalText | None = None


class DustConversionRow(Payload, frozen=True, kw_only=True):
    """One amount of dust that was converted."""

    tran_id: int
    from_asset: str
    amount: DecimalText
    transfered_amount: DecimalText
    service_charge_amount: DecimalText
    operate_time: Timestamp


class DustResultPayload(Payload, frozen=True):
    """Result of a conversion of dust."""

    total_service_charge: DecimalText
    total_transfered: DecimalText
    transfer_result: tuple[DustConversionRow, ...]


class DustLogRow(Payload, frozen=True, kw_only=True):
    """One amount of dust in a conversion of the past."""

    trans_id: int
    from_asset: str
    amount: DecimalText
    transfered_amount: DecimalText
    service_charge_amount: DecimalText
    operate_time: Timestamp
    target_asset: str | None = None


class DustLogEntry(Payload, frozen=True, kw_only=True):
    """One conversion in the past."""

    trans_id: int
    operate_time: Timestamp
    total_transfered_amount: DecimalText
    total_service_charge_amount: DecimalText
    details: tuple[DustLogRow, ...] = msgspec.field(name="userAssetDribbletDetails")


class DustLogPayload(Payload, frozen=True):
    """The last hundred conversions of dust."""

    total: int
    entries: tuple[DustLogEntry, ...] = msgspec.field(name="userAssetDribblets", default=())
