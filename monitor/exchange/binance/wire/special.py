"""Answers of what this program never asks: special keys, which are secrets, and brackets of a mode that is gone."""

from decimal import Decimal

from monitor.exchange.binance.wire.field_types import Payload, require_finite


class SpecialKey(Payload, frozen=True, kw_only=True):
    """A key that the API made, as it is listed. Not even the public half is shown by repr."""

    api_key: str
    type: str
    api_name: str = ""
    ip: str = ""
    permission_mode: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that it may be used from."""
        return tuple(one for one in self.ip.split(",") if one)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(type={self.type!r}, permission_mode={self.permission_mode!r})"


class NewSpecialKey(Payload, frozen=True, kw_only=True):
    """A key just made. The secret half is there for HMAC keys alone, and shown by nothing."""

    api_key: str
    type: str
    secret_key: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(type={self.type!r})"


class Bracket(Payload, frozen=True, kw_only=True):
    """Up to which debt a leverage may be had; every amount is a number."""

    leverage: int
    max_debt: Decimal
    maintenance_margin_rate: Decimal
    initial_margin_rate: Decimal
    fast_num: Decimal

    def __post_init__(self) -> None:
        for one in (self.max_debt, self.maintenance_margin_rate, self.initial_margin_rate, self.fast_num):
            require_finite(one)


class LeverageBrackets(Payload, frozen=True, kw_only=True):
    """The brackets of a group of assets in Cross Margin Pro, which ended in April 2026."""

    asset_names: tuple[str, ...]
    rank: int
    brackets: tuple[Bracket, ...]
