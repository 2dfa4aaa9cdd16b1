"""Types of rows of assets in a scope."""

from typing import TypedDict

from monitor.core.model.metric_values import LiquidationSide
from monitor.view.documents.types.values import DecimalText


class BalanceDocument(TypedDict):
    """One asset of a scope, in its own unit."""

    asset: str
    free: DecimalText
    locked: DecimalText
    borrowed: DecimalText
    interest: DecimalText
    net: DecimalText


class CrossBalanceDocument(BalanceDocument):
    """One asset of cross margin; `value_usdt` is that of its net amount."""

    price_usdt: DecimalText | None
    value_usdt: DecimalText | None
    hourly_rate: DecimalText | None
    liquidation_price: DecimalText | None
    danger: LiquidationSide | None


class PairSideDocument(BalanceDocument):
    """The base or the quote asset of an isolated pair."""

    price_usdt: DecimalText | None
    hourly_rate: DecimalText | None
