"""Answers about the market, which are the same for every account: one request serves all that ask about then."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace

from monitor.clock import Clock
from monitor.errors import ExchangeError, KeyInvalid
from monitor.exchange.binance.api.response import ApiResponse


@dataclass(slots=True)
class _KeptAnswer:
    """The newest answer to one request, and the accounts that have it."""

    response: ApiResponse
    taken_by: set[str] = field(default_factory=set)


class SharedAnswers:
    """Answers of the last seconds and requests under way. No account is given the same answer twice.

    A failure of the exchange is shared by those who wait for the same request; one that concerns the key or the end of
    the account that sent it is not: the next one that waits sends it again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], _KeptAnswer] = {}
        self._under_way: dict[tuple[str, str], asyncio.Future[_KeptAnswer | ExchangeError | None]] = {}
        self._symbols: dict[str, dict[str, frozenset[str]]] = {}

    async def get(
        self,
        account: str,
        place: tuple[str, str],
        max_age_s: float,
        request: Callable[[], Awaitable[ApiResponse]],
    ) -> ApiResponse:
        """Return an answer at most `max_age_s` old (exchange seconds), or that of a request under way, or a new one.

        `place` is the endpoint and the query. Raises as `request` does.
        """
        while True:
            kept = self._kept.get(place)
            if kept is not None and account not in kept.taken_by and self._age_s(kept) <= max_age_s:
                return _take(kept, account)
            under_way = self._under_way.get(place)
            if under_way is None:
                return _take(await self._request(place, max_age_s, request), account)
            await asyncio.wait([under_way])
            match under_way.result():
                case _KeptAnswer() as answer if account not in answer.taken_by:
                    return _take(answer, account)
                case ExchangeError() as error:
                    raise error

    def join_symbols(self, topic: str, account: str, symbols: Collection[str]) -> frozenset[str]:
        """Return the symbols that all accounts need for this topic; `symbols` are those of `account` from now on."""
        needs = self._symbols.setdefault(topic, {})
        needs[account] = frozenset(symbols)
        return frozenset().union(*needs.values())

    def forget(self, account: str) -> None:
        """Forget the symbols of an account that has ended."""
        for needs in self._symbols.values():
            needs.pop(account, None)

    async def _request(
        self, place: tuple[str, str], max_age_s: float, request: Callable[[], Awaitable[ApiResponse]]
    ) -> _KeptAnswer:
        """Make the request in the task of the account that needs it, which may be cancelled at any moment."""
        outcome: _KeptAnswer | ExchangeError | None = None
        under_way = self._under_way[place] = asyncio.get_running_loop().create_future()
        try:
            outcome = self._kept[place] = _KeptAnswer(await request())
        except ExchangeError as error:
            outcome = None if isinstance(error, KeyInvalid) else error
            raise
        finally:
            del self._under_way[place]
            under_way.set_result(outcome)
        asyncio.get_running_loop().call_later(max_age_s, self._drop, place, outcome)
        return outcome

    def _drop(self, place: tuple[str, str], kept: _KeptAnswer) -> None:
        """Free the memory of an answer that is too old to be given."""
        if self._kept.get(place) is kept:
            del self._kept[place]

    def _age_s(self, kept: _KeptAnswer) -> float:
        return self._clock.elapsed_s() - kept.response.sent_s


def _take(kept: _KeptAnswer, account: str) -> ApiResponse:
    """Return the response for an account, which reports rejected rows by itself."""
    kept.taken_by.add(account)
    return replace(kept.response, rejected_rows=[])
