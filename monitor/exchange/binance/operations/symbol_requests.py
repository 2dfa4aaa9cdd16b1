"""Requests about some symbols: by their names, or about all."""

from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import msgspec

from monitor.errors import ExchangeRefused

T = TypeVar("T")

_BAD_SYMBOL = -1121
MAX_SYMBOLS = 100
"""Maximum symbols named in one request."""


async def request_symbols(symbols: Collection[str], request: Callable[[str | None], Awaitable[T]]) -> T:
    """Return the answer to a request with the JSON list of `symbols`.

    Too many symbols, or one that the exchange does not know, need the request without a list: it is about all symbols.
    """
    if len(symbols) <= MAX_SYMBOLS:
        try:
            return await request(msgspec.json.encode(sorted(symbols)).decode())
        except ExchangeRefused as refusal:
            # One unknown symbol makes the whole request fail, and the answer does not say which.
            if refusal.venue_code != _BAD_SYMBOL:
                raise
    return await request(None)
