"""Payloads of requests that are never sent: special keys, which are secrets, and brackets of a mode that is gone."""

from decimal import Decimal

from monitor.exchange.binance.wire.field_types import Payload, require_finite


class SpecialKey(Payload, frozen=True, kw_only=True):
    """A key that the API created, as it is listed. repr shows not even its public half."""

    api_key: str
    type: str
    api_name: str = ""
    ip: str = ""
    permission_mode: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses that the key may be used from."""
        return tuple(address for address in self.ip.split(",") if address)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(type={self.type!r}, permission_mode={self.permission_mode!r})"


class NewSpecialKey(Payload, frozen=True, kw_only=True):
    """A key just created. Only HMAC keys have the secret half, and nothing shows it."""

    api_key: str
    type: str
    secret_key: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(type={self.type!r})"


class Bracket(Payload, frozen=True, kw_only=True):
    """Maximum debt of a leverage, and its rates; every amount is a number."""

    leverage: int
    max_debt: Decimal
    maintenance_margin_rate: Decimal
    initial_margin_rate: Decimal
    fast_num: Decimal

    def __post_init__(self) -> None:
        for amount in (self.max_debt, self.maintenance_margin_rate, self.initial_margin_rate, self.fast_num):
            require_finite(amount)


class LeverageBrackets(Payload, frozen=True, kw_only=True):
    """The brackets of a group of assets in Cross Margin Pro, which ended in April 2026."""

    asset_names: tuple[str, ...]
    rank: int
    brackets: tuple[Bracket, ...]
