"""Server time, prices, rates and the stream keys."""

import msgspec


class ServerTime(msgspec.Struct, rename="camel"):
    """GET /api/v3/time."""

    server_time: int


class Ticker(msgspec.Struct):
    """A row of GET /api/v3/ticker/price."""

    symbol: str
    price: str


class PriceIndex(msgspec.Struct, rename="camel"):
    """GET /sapi/v1/margin/priceIndex."""

    symbol: str
    price: str
    calc_time: int


class HourlyRate(msgspec.Struct, rename="camel"):
    """A row of GET /sapi/v1/margin/next-hourly-interest-rate: a fraction per hour."""

    asset: str
    next_hourly_interest_rate: str


class ListenToken(msgspec.Struct, rename="camel"):
    """POST /sapi/v1/userListenToken."""

    token: str
    expiration_time: int


class ListenKey(msgspec.Struct, rename="camel"):
    """POST /sapi/v1/margin/listen-key."""

    listen_key: str
