"""Answers about the market, which are the same for every account: one request serves all that ask about then."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace

from monitor.clock import Clock
from monitor.errors import ExchangeError, ExchangeUnreachable, KeyInvalid
from monitor.exchange.binance.api.response import ApiResponse

JOIN_S = 0.5
"""Machine seconds after its start in which a request is joined and waited for; first reads have one second in all."""

MAX_JOINS = 2
"""Maximum requests of others that an account waits for before it asks by itself."""

REFUSAL_KEPT_S = 600.0
"""Exchange seconds for which an unknown symbol, or a list that was refused for another reason, is not asked for."""


@dataclass(slots=True)
class _KeptAnswer:
    """The newest answer to one request, and the accounts that have it."""

    response: ApiResponse
    taken_by: set[str] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class _RequestUnderWay:
    """A request that others may join while it is young; `outcome` is None where it says nothing to them."""

    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    outcome: "asyncio.Future[_KeptAnswer | ExchangeError | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def joinable_s(self) -> float:
        """Machine seconds for which it is still waited for."""
        return self.began + JOIN_S - asyncio.get_running_loop().time()

    def end(self, outcome: _KeptAnswer | ExchangeError | None) -> None:
        """Tell those who wait, unless an older request has told them already."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class SharedAnswers:
    """Answers of the last seconds and requests under way. No account is given the same answer twice.

    A refusal by the exchange is shared by those who wait for the same request. A request that takes long, is not
    answered, or fails by the key or the end of its account is that account's own trouble: those who wait ask again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], _KeptAnswer] = {}
        self._under_way: dict[tuple[str, str], _RequestUnderWay] = {}
        self._symbols: dict[str, dict[str, frozenset[str]]] = {}
        self._refused_until_s: dict[tuple[str, str], float] = {}

    async def get(
        self,
        account: str,
        place: tuple[str, str],
        max_age_s: float,
        request: Callable[[], Awaitable[ApiResponse]],
    ) -> ApiResponse:
        """Return an answer at most `max_age_s` old (exchange seconds), or that of a request under way, or a new one.

        `place` is the endpoint and the query. Raises as `request` does. The newest request alone is joined.
        """
        joins = 0
        while True:
            kept = self._kept.get(place)
            if kept is not None and account not in kept.taken_by and self._age_s(kept) <= max_age_s:
                return self._take(kept, account)
            under_way = self._under_way.get(place)
            if under_way is None or joins == MAX_JOINS or under_way.joinable_s <= 0:
                return self._take(await self._request(place, max_age_s, request), account)
            joins += 1
            done, _ = await asyncio.wait([under_way.outcome], timeout=under_way.joinable_s)
            match under_way.outcome.result() if done else None:
                case _KeptAnswer() as answer if account not in answer.taken_by:
                    return self._take(answer, account)
                case ExchangeError() as error:
                    raise error

    def join_symbols(self, topic: str, account: str, symbols: Collection[str]) -> list[str]:
        """Return, in order, the symbols that all accounts need for this topic, without those found unknown lately.

        `symbols` are those of `account` from now on.
        """
        needs = self._symbols.setdefault(topic, {})
        needs[account] = frozenset(symbols)
        everyone = frozenset[str]().union(*needs.values())
        return sorted(symbol for symbol in everyone if not self.is_refused(topic, symbol))

    def is_refused(self, topic: str, asked: str) -> bool:
        """Return whether a symbol, or a whole list, was refused a short time ago."""
        until_s = self._refused_until_s.get((topic, asked))
        if until_s is not None and until_s <= self._clock.elapsed_s():
            del self._refused_until_s[topic, asked]
            return False
        return until_s is not None

    def note_refused(self, topic: str, asked: Collection[str]) -> None:
        """Note symbols that the exchange does not know, or lists that it refused."""
        now_s = self._clock.elapsed_s()
        for place in [place for place, until_s in self._refused_until_s.items() if until_s <= now_s]:
            del self._refused_until_s[place]
        for one in asked:
            self._refused_until_s[topic, one] = now_s + REFUSAL_KEPT_S

    def forget(self, account: str) -> None:
        """Forget the symbols of an account that has ended."""
        for needs in self._symbols.values():
            needs.pop(account, None)

    async def _request(
        self, place: tuple[str, str], max_age_s: float, request: Callable[[], Awaitable[ApiResponse]]
    ) -> _KeptAnswer:
        """Make the request in the task of the account that needs it, which may be cancelled at any moment."""
        outcome: _KeptAnswer | ExchangeError | None = None
        under_way = self._under_way[place] = _RequestUnderWay()
        try:
            outcome = _KeptAnswer(await request())
        except ExchangeError as error:
            # Another account has connections of its own, and a key of its own.
            outcome = None if isinstance(error, KeyInvalid | ExchangeUnreachable) else error
            raise
        finally:
            if self._under_way.get(place) is under_way:
                del self._under_way[place]
            under_way.end(outcome)
        newest = self._under_way.get(place)
        if newest is not None and under_way.joinable_s >= -JOIN_S:
            # Those who asked again meanwhile need not wait any longer for an answer that is hardly newer.
            del self._under_way[place]
            newest.end(outcome)
        kept = self._kept.get(place)
        if kept is None or kept.response.sent_s <= outcome.response.sent_s:
            self._kept[place] = outcome
            asyncio.get_running_loop().call_later(max_age_s, self._drop, place, outcome)
        return outcome

    def _drop(self, place: tuple[str, str], kept: _KeptAnswer) -> None:
        """Free the memory of an answer that is too old to be given."""
        if self._kept.get(place) is kept:
            del self._kept[place]

    def _age_s(self, kept: _KeptAnswer) -> float:
        return self._clock.elapsed_s() - kept.response.sent_s

    def _take(self, kept: _KeptAnswer, account: str) -> ApiResponse:
        """Return the response for an account, which reports rejected rows by itself.

        Its times are by the present estimate: the clock may have been corrected since the answer came.
        """
        kept.taken_by.add(account)
        return replace(
            kept.response,
            as_of=self._clock.moment_of(kept.response.sent_s),
            received_at=self._clock.moment_of(kept.response.received_s),
            rejected_rows=[],
        )
