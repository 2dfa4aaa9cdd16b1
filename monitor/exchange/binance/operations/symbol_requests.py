"""Requests about some symbols: by their names, or about all."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TypeVar

import msgspec

from monitor.errors import ExchangeError, ExchangeRefused, KeyInvalid
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.shared_answers import SharedAnswers

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
            return await request(_encode(symbols))
        except ExchangeRefused as refusal:
            # One unknown symbol makes the whole request fail, and the answer does not say which.
            if refusal.venue_code != _BAD_SYMBOL:
                raise
    return await request(None)


def note_names(names: Iterable[str], answer: ApiResponse) -> frozenset[str] | None:
    """Return the names of an answer about all symbols; None where rows were left out: a missing name says nothing."""
    return None if answer.rejected_rows else frozenset(names)


async def request_shared_symbols(
    shared_answers: SharedAnswers,
    topic: str,
    account: str,
    wanted: Collection[str],
    request: Callable[[str | None], Awaitable[tuple[T, frozenset[str] | None]]],
    *,
    max_lists: int | None = None,
) -> list[T]:
    """Return the answers that cover the symbols that `account` wants, asked for with the symbols of all accounts.

    The symbols of all are asked for in lists of a hundred; beyond `max_lists` of them without a list. `request` returns
    the content, and the symbols of an answer without a list (see `note_names`). A refused list is followed by one
    request without a list for everybody, which shows the unknown symbols: they are left out for some minutes.
    """
    joined = shared_answers.join_symbols(topic, account, wanted)
    known = frozenset(wanted).intersection(joined)
    if not known:
        return []
    parts = [joined[start : start + MAX_SYMBOLS] for start in range(0, len(joined), MAX_SYMBOLS)]
    if max_lists is not None and len(parts) > max_lists:
        return [(await request(None))[0]]
    lists = {_encode(part): part for part in parts if not known.isdisjoint(part)}
    contents: list[T] = []
    for names, part in lists.items():
        if not shared_answers.is_refused(topic, names):
            try:
                contents.append((await request(names))[0])
                continue
            except KeyInvalid:
                raise
            except ExchangeRefused:
                shared_answers.note_refused(topic, [names])
        return [await _request_all(shared_answers, topic, known, part, request)]
    return contents


async def _request_all(
    shared_answers: SharedAnswers,
    topic: str,
    known: frozenset[str],
    refused: Collection[str],
    request: Callable[[str | None], Awaitable[tuple[T, frozenset[str] | None]]],
) -> T:
    """Return the answer without a list, or that to the account's own list where there is none."""
    try:
        content, names = await request(None)
    except KeyInvalid:
        raise
    except ExchangeError:
        # The list was refused for the sake of any account: this one's own may be answered.
        if len(known) > MAX_SYMBOLS or known.issuperset(refused):
            raise
        return (await request(_encode(known)))[0]
    if names is not None:
        shared_answers.note_refused(topic, frozenset(refused) - names)
    return content


def _encode(symbols: Collection[str]) -> str:
    return msgspec.json.encode(sorted(symbols)).decode()
