"""Server time, last prices and stream tokens."""

import msgspec


class TextServerTime(msgspec.Struct, rename="camel"):
    """GET /api/v3/time."""

    server_time: int


class TextTicker(msgspec.Struct):
    """A row of GET /api/v3/ticker/price."""

    symbol: str
    price: str


class TextStreamToken(msgspec.Struct, rename="camel"):
    """POST /sapi/v1/userListenToken."""

    token: str
    expiration_time: int
