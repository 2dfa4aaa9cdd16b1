"""The error for a read that the exchange refuses: its code and message, without a secret."""

from typing import TypeVar

from monitor.errors import ExchangeError, ExchangeRefused, ExchangeUnreachable, KeyInvalid
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import ApiResponse

T = TypeVar("T")

MAX_MESSAGE_CHARS = 200


def build_refusal(endpoint: Endpoint[T], response: ApiResponse, *, key: bool, unreadable: bool) -> ExchangeError:
    """Return the error. `key`: the key is refused; `unreadable`: the response is none of the exchange's own."""
    if unreadable:
        shape = "a web page" if response.is_html else "no readable error"
        return ExchangeUnreachable(f"{endpoint.name}: HTTP {response.status} with {shape}")
    code = response.error.code if response.error else None
    said = response.error.msg[:MAX_MESSAGE_CHARS] if response.error else ""
    text = f"{endpoint.name}: code {code}: {said}" if code is not None else f"{endpoint.name}: HTTP {response.status}"
    kind = KeyInvalid if key else ExchangeRefused
    return kind(text, venue_code=code, venue_message=said)
