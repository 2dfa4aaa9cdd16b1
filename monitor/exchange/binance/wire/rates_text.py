"""Interest rates as the exchange publishes them."""

import msgspec


class TextCrossRateRow(msgspec.Struct, rename="camel"):
    """A row of GET /sapi/v1/margin/crossMarginData: the rate a day at the user's own level."""

    coin: str
    daily_interest: str


class TextNextRateRow(msgspec.Struct, rename="camel"):
    """A row of GET /sapi/v1/margin/next-hourly-interest-rate: a fraction an hour."""

    asset: str
    next_hourly_interest_rate: str


class TextPastRateRow(msgspec.Struct, rename="camel"):
    """A row of GET /sapi/v1/margin/interestRateHistory: the rate a day from `timestamp` on."""

    asset: str
    daily_interest_rate: str
    timestamp: int
