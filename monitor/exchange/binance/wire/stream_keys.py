"""Tokens and keys that open streams."""

import msgspec

from monitor.exchange.binance.wire.field_types import Payload, Timestamp


class StreamTokenPayload(Payload, frozen=True):
    """Token that subscribes an account's events until it expires."""

    token: str
    expiration_time: Timestamp


class ListenKeyPayload(msgspec.Struct, rename="camel"):
    """POST /sapi/v1/margin/listen-key."""

    listen_key: str
