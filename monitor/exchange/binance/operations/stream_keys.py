"""Tokens and keys that open an account's streams."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.account import Scope
from monitor.exchange.binance.api.endpoint import Endpoint, SecurityType
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.wire.decoding import IgnoredBody
from monitor.exchange.binance.wire.market_text import TextStreamToken
from monitor.exchange.binance.wire.numbers import parse_time
from monitor.exchange.binance.wire.stream_keys import ListenKeyPayload

# It is undocumented whether the request must be signed; both ways work today. The weight is taken as 1.
LISTEN_TOKEN = Endpoint("POST", "/sapi/v1/userListenToken", TextStreamToken, counted="uid", secret=True)
NEW_LISTEN_KEY = Endpoint(
    "POST", "/sapi/v1/margin/listen-key", ListenKeyPayload, SecurityType.KEY, counted="uid", secret=True
)
EXTEND_LISTEN_KEY = Endpoint(
    "PUT", "/sapi/v1/margin/listen-key", IgnoredBody, SecurityType.KEY, counted="uid", secret=True
)


@dataclass(frozen=True, slots=True, repr=False)
class StreamToken:
    """Token that subscribes one account's events until it expires (exchange time)."""

    text: str
    expires_at: datetime


async def create_listen_token(transport: Transport, scope: Scope) -> StreamToken:
    """Create a token for the events of cross or of one isolated pair."""
    parameters = {"symbol": scope.symbol, "isIsolated": "true"} if scope.symbol else None
    return await transport.fetch(
        LISTEN_TOKEN,
        parameters,
        lambda made, _: StreamToken(made.token, parse_time(made.expiration_time, "expirationTime")),
    )


async def create_listen_key(transport: Transport) -> str:
    """Create the listen key of the risk stream; an active key is returned again and extended."""
    return await transport.fetch(NEW_LISTEN_KEY, None, lambda made, _: made.listen_key)


async def extend_listen_key(transport: Transport, listen_key: str) -> None:
    """Extend the listen key. Raises ExchangeRefused (-1125, -3038) when it is gone."""
    await transport.read(EXTEND_LISTEN_KEY, {"listenKey": listen_key})
