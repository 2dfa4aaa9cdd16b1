"""Streams by name, and contents of the events of an account's streams."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

StreamName = Literal["account", "risk", "market"]


@dataclass(frozen=True, slots=True)
class BalancesChanged:
    """Free and locked amounts of some assets, absolute, as of `as_of`. Debts are not part of the event."""

    as_of: datetime
    amounts: Mapping[str, tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class BalanceAdjusted:
    """A balance change of `delta` by a transfer, deposit or withdrawal."""

    asset: str
    delta: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True)
class TradeFilled:
    """A whole trade: base and quote were exchanged, and `commission` was charged in `commission_asset`."""

    symbol: str
    trade: int
    is_buyer: bool
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class LiabilityChanged:
    """A change of a cross debt in `asset`. `kind` is the exchange's word.

    The meaning of the event's amounts is not documented, so they are left out.
    """

    asset: str
    kind: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class MarginNotice:
    """A notice of the exchange that the cross margin level is in another band."""

    level: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class ReportedLevel:
    """The cross margin level as the exchange itself reported it, and when."""

    level: Decimal
    status: str
    at: datetime


ParsedPayload = BalancesChanged | BalanceAdjusted | TradeFilled | LiabilityChanged | MarginNotice | None
