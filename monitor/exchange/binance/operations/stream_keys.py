"""Tokens and keys that open an account's streams."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.account import Scope
from monitor.exchange.binance.api.endpoint import Endpoint, SecurityType
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.api.wallets import margin_stream_get_listen_key
from monitor.exchange.binance.wire.decoding import IgnoredBody
from monitor.exchange.binance.wire.plain_values import to_datetime
from monitor.exchange.binance.wire.stream_keys import ListenKeyPayload

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
    return await margin_stream_get_listen_key.fetch(
        transport,
        lambda made, _: StreamToken(made.token, to_datetime(made.expiration_time)),
        symbol=scope.symbol or None,
    )


async def create_listen_key(transport: Transport) -> str:
    """Create the listen key of the risk stream; an active key is returned again and extended."""
    return await transport.fetch(NEW_LISTEN_KEY, None, lambda made, _: made.listen_key)


async def extend_listen_key(transport: Transport, listen_key: str) -> None:
    """Extend the listen key. Raises ExchangeRefused (-1125, -3038) when it is gone."""
    await transport.read(EXTEND_LISTEN_KEY, {"listenKey": listen_key})
