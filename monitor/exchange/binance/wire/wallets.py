"""The wallets outside margin, and the tokens of streams."""

from monitor.exchange.binance.wire.field_types import Amount, Typed


class SpotHolding(Typed, frozen=True):
    """One asset of the spot wallet."""

    asset: str
    free: Amount
    locked: Amount


class SpotWallet(Typed, frozen=True, kw_only=True):
    """The spot wallet and what its owner may do."""

    balances: tuple[SpotHolding, ...]
    can_trade: bool = True
    can_withdraw: bool = True
    can_deposit: bool = True
    update_time: int = 0
    account_type: str = "SPOT"
    uid: int | None = None


class UserAsset(Typed, frozen=True, kw_only=True):
    """One positive balance of the spot wallet."""

    asset: str
    free: Amount
    locked: Amount
    freeze: Amount | None = None
    withdrawing: Amount | None = None
    ipoable: Amount | None = None
    btc_valuation: Amount | None = None


class FundingAsset(Typed, frozen=True, kw_only=True):
    """One asset of the funding wallet."""

    asset: str
    free: Amount
    locked: Amount
    freeze: Amount | None = None
    withdrawing: Amount | None = None
    btc_valuation: Amount | None = None
