"""The table of endpoints: method, path, security, weight, and the answering function."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from monitor.sandbox.api.errors import (
    SimApiError,
    no_cross_account,
    no_isolated_account,
    not_a_margin_pair,
    unknown_symbol,
)
from monitor.sandbox.api.parameters import RequestParams
from monitor.sandbox.api.weights import Weight, WeightUnit
from monitor.sandbox.ledger.accounts import SimAccount, SimMarginAccount
from monitor.sandbox.scenario.scenario import ApiKeySpec
from monitor.sandbox.venue import Venue

# NONE: no key. KEYED: the key header alone. SIGNED: key, timestamp and signature. EITHER: a key, signed or not.
EndpointSecurity = Literal["NONE", "KEYED", "SIGNED", "EITHER"]
KeyRight = Literal["reading", "margin", "trading", "transfer"]


class UserStreams(Protocol):
    """Tokens and keys for streams; the part of the stream server that REST may use."""

    def new_token(self, account: str, symbol: str | None, validity_ms: int) -> tuple[str, int]:
        """A listen token and its expiry (ms)."""
        ...

    def open_key(self, account: str, family: str) -> str:
        """The risk listen key of an account, extended; a new one when there is none."""
        ...

    def extend_key(self, account: str, family: str, key: str) -> bool:
        """Extend a risk listen key; False when there is no such key."""
        ...

    def close_key(self, account: str, family: str) -> None:
        """Drop the risk listen key of an account."""
        ...


@dataclass(frozen=True, slots=True)
class EndpointCall:
    """One request to an endpoint."""

    venue: Venue
    params: RequestParams
    caller: SimAccount | None
    key: ApiKeySpec | None
    user_streams: UserStreams

    @property
    def account(self) -> SimAccount:
        """The account of the key. Only for endpoints that need a key."""
        if self.caller is None:
            raise SimApiError(-2014, "API-key format invalid.", status=401)
        return self.caller

    @property
    def now_ms(self) -> int:
        """The exchange's present time."""
        return self.venue.now_ms()

    def cross(self) -> SimMarginAccount:
        """The caller's cross account. Refused (-3003) when never opened."""
        margin = self.account.margin(None)
        if margin is None:
            raise no_cross_account()
        return margin

    def isolated(self, symbol: str) -> SimMarginAccount:
        """The caller's isolated account of a pair. Refused when there is no such pair or account."""
        if self.venue.listings.isolated_pair(symbol) is None:
            raise not_a_margin_pair()
        margin = self.account.margin(symbol)
        if margin is None:
            raise no_isolated_account()
        return margin

    def margin(self, symbol: str | None) -> SimMarginAccount:
        """Cross, or the isolated account of `symbol`."""
        return self.cross() if symbol is None else self.isolated(symbol)

    def require_listed(self, symbol: str) -> str:
        """`symbol`, if it is listed (-1121 else)."""
        if symbol not in self.venue.listings.pairs:
            raise unknown_symbol()
        return symbol

    def format_amount(self, amount: Decimal) -> str:
        """An amount as text in the format of answers."""
        return self.venue.format_amount(amount)


@dataclass(frozen=True, slots=True)
class SimEndpoint:
    """One endpoint. `right` is the permission that the key needs.

    `max_calls_per_minute` caps the calls of one address beside their weight; `repeats` are parameters that may occur
    several times in a request.
    """

    method: str
    path: str
    security: EndpointSecurity
    weight: Callable[[EndpointCall], Weight]
    right: KeyRight
    answer: Callable[[EndpointCall], object]
    max_calls_per_minute: int | None = None
    repeats: tuple[str, ...] = ()


# The answer without a body.
EMPTY_ANSWER = object()
ENDPOINTS: dict[tuple[str, str], SimEndpoint] = {}


def endpoint(
    method: str,
    path: str,
    security: EndpointSecurity,
    weight: int | Callable[[EndpointCall], Weight],
    unit: WeightUnit = "IP",
    *,
    right: KeyRight = "reading",
    max_calls_per_minute: int | None = None,
    repeats: tuple[str, ...] = (),
) -> Callable[[Callable[[EndpointCall], object]], Callable[[EndpointCall], object]]:
    """Enter the decorated function in the table. `weight` is a number of `unit`, or depends on the call."""
    fixed = Weight(weight, unit) if isinstance(weight, int) else None
    cost = weight if callable(weight) else None

    def price(call: EndpointCall) -> Weight:
        if fixed is not None:
            return fixed
        if cost is None:
            raise TypeError("a weight is a number or a function")
        return cost(call)

    def enter(answer: Callable[[EndpointCall], object]) -> Callable[[EndpointCall], object]:
        ENDPOINTS[method, path] = SimEndpoint(
            method, path, security, price, right, answer, max_calls_per_minute, repeats
        )
        return answer

    return enter
