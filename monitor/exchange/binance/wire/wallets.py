"""Wallets outside margin."""

from monitor.exchange.binance.wire.field_types import DecimalText, Payload, UnsignedText


class SpotAssetRow(Payload, frozen=True):
    """One asset of the spot wallet."""

    asset: str
    free: DecimalText
    locked: DecimalText


class SpotOwnerPayload(Payload, frozen=True, kw_only=True):
    """The owner of the spot wallet, whatever is in it."""

    uid: int | None = None


class SpotWalletPayload(SpotOwnerPayload, frozen=True, kw_only=True):
    """The spot wallet and the permissions of its owner."""

    balances: tuple[SpotAssetRow, ...] = ()
    can_trade: bool = True
    can_withdraw: bool = True
    can_deposit: bool = True
    update_time: int = 0
    account_type: str = "SPOT"


class WalletFreeRow(Payload, frozen=True, kw_only=True):
    """The free amount of one asset of the spot or the funding wallet."""

    asset: str
    free: UnsignedText


class WalletAssetRow(WalletFreeRow, frozen=True, kw_only=True):
    """One asset of the spot or the funding wallet. Only spot has `ipoable`."""

    locked: DecimalText | None = None
    freeze: DecimalText | None = None
    withdrawing: DecimalText | None = None
    ipoable: DecimalText | None = None
    btc_valuation: DecimalText | None = None
