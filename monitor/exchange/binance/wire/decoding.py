"""Decoding of payloads: typed, unknown fields ignored, wrong ones named."""

from typing import Any, TypeVar, cast

import msgspec

from monitor.exchange.binance.wire.field_types import decode_field
from monitor.exchange.binance.wire.numbers import ImplausibleValue

T = TypeVar("T")


class ErrorBody(msgspec.Struct):
    """The exchange's error envelope."""

    code: int
    msg: str = ""


class IgnoredBody(msgspec.Struct):
    """An answer whose content does not matter."""


def decode(body: bytes, kind: type[T]) -> T:
    """Return the body as `kind`.

    `EMPTY` of a kind names the bodies that stand for an empty object. Raises Implausible, naming the field,
    when the body is malformed, cut, wrongly typed or nested without end.
    """
    if body.strip() in getattr(kind, "EMPTY", ()):
        body = b"{}"
    try:
        answer: T = _decoder(kind).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ImplausibleValue(f"unreadable: {error}") from error
    except RecursionError as error:
        raise ImplausibleValue("unreadable: nested too deeply") from error
    return answer


def find_error(status: int, body: bytes) -> ErrorBody | None:
    """Return the error that the exchange reports, which may come with HTTP 200; None for any other answer."""
    failed = status != 200 or body[:9].replace(b" ", b"").startswith(b'{"code":-')
    return decode_error(body) if failed else None


def decode_error(body: bytes) -> ErrorBody | None:
    """Return the error in the body, or None where it holds no readable one."""
    try:
        return decode(body, ErrorBody)
    except ImplausibleValue:
        return None


def _decoder(kind: object) -> msgspec.json.Decoder[Any]:
    # Building a decoder costs a hundred times its use; there are as many decoders as payload models.
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(cast("type[Any]", kind), dec_hook=decode_field)
    return decoder


_DECODERS: dict[object, msgspec.json.Decoder[Any]] = {}
