"""A function of the margin API: its signature says what the venue takes, its annotation what it answers.

A topic declares `@read("GET", "/sapi/…", weight=10) def get_thing(*, asset: str) -> Thing: the_venue_answers()`; what
comes out is called as `await get_thing(transport, asset="USDT")`, and by its name from the command line.
"""

import inspect
import re
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, Literal, NoReturn, ParamSpec, TypeVar

from monitor.core.model.order import ActionKind, CallKind
from monitor.core.numbers.amounts import plain
from monitor.exchange.binance.api.endpoint import Endpoint, Security
from monitor.exchange.binance.api.response import Sent
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Counted, Priority
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.wire.numbers import milliseconds

P = ParamSpec("P")
T = TypeVar("T")

ChangeKind = ActionKind | CallKind
"""What a function changes; two of one kind and asset are never under way together."""

Spelling = Literal["", "TRUE", "true"]

Cursor = Literal["page", "after", "from", "none"]
"""How a history goes on: by page number; by an id, exclusive or inclusive; not at all."""


@dataclass(frozen=True, slots=True)
class History:
    """How the rows of a history are walked.

    `span` is the longest window that one request may ask for, `depth` how far back the venue keeps rows, `size` the
    most that it gives at once. `key` names the fields (ours) that tell rows apart and `time` the one that dates them.
    `by` is the parameter of an id cursor, whose field comes first in `key`.
    """

    cursor: Cursor
    span: timedelta
    key: tuple[str, ...]
    time: str
    size: int = 100
    depth: timedelta | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: the venue's name, ours, and whether it must be given.

    `spelling` is how a yes or no is written: TRUE, true, or "" where the parameter is none. `default` is sent where
    nothing is given; `is_sent` false: taken from old habit, and dropped. `is_amount`: a decimal, sent without exponent.
    """

    name: str
    own: str
    is_required: bool
    spelling: Spelling = ""
    default: str | int | None = None
    is_sent: bool = True
    is_amount: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(Generic[P, T]):
    """One function, by the name that people call it by.

    `fixed` are parameters that the name implies, `implied` what a parameter implies when it is given, `older` names
    that parameters once had, `aliases` other names of the function. `weigh` is the weight where it depends on the
    parameters. Nothing is asked where `is_silent`.
    """

    name: str
    summary: str
    signature: inspect.Signature
    endpoint: Endpoint[T]
    parameters: tuple[Parameter, ...]
    fixed: Mapping[str, str]
    implied: Mapping[str, tuple[str, str]]
    older: Mapping[str, str]
    aliases: tuple[str, ...]
    weigh: Callable[[Parameters], int] | None
    is_silent: bool = False

    def asked(self, given: Parameters) -> Parameters:
        """All parameters of the request: those given in the declared order, then those that the name implies."""
        told = {name: value for name, value in given.items() if value is not None}
        implied = dict(two for name, two in self.implied.items() if name in told)
        asked: dict[str, str | int | None] = {}
        for one in self.parameters:
            value = told.get(one.name, implied.get(one.name, one.default))
            if value is not None and one.is_sent:
                asked[one.name] = value
        return {**asked, **self.fixed}

    def priced(self, asked: Parameters) -> Endpoint[T]:
        """The endpoint with the weight of this very request."""
        return self.endpoint if self.weigh is None else replace(self.endpoint, weight=self.weigh(asked))

    def parameter(self, word: str) -> Parameter | None:
        """The parameter that `word` means: the venue's name, its snake_case, or a name that it once had."""
        for parameter in self.parameters:
            if word in (parameter.name, parameter.own, snake(parameter.name)):
                return parameter
            if self.older.get(word) == parameter.name:
                return parameter
        return None

    def _bound(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Endpoint[T], Parameters]:
        given = self.signature.bind(*args, **kwargs).arguments
        asked = self.asked({one.name: _text(given.get(one.own), one.spelling) for one in self.parameters})
        return self.priced(asked), asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Function[P, T]):
    """A function that changes nothing. `history` where its rows can be walked."""

    history: History | None = None

    async def __call__(self, transport: Transport, *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer. Raises as Transport.read does."""
        endpoint, asked = self._bound(*args, **kwargs)
        return (await transport.read(endpoint, asked)).content


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Function[P, T]):
    """A function that changes something. It is sent once, and never raises for what the venue answers."""

    kind: ChangeKind

    async def __call__(self, transport: Transport, *args: P.args, **kwargs: P.kwargs) -> Sent[T]:
        """What became of the one request."""
        return await transport.send(*self._bound(*args, **kwargs))


def read(
    method: str,
    path: str,
    *,
    weight: int = 1,
    counted: Counted = "ip",
    security: Security = Security.SIGNED,
    fixed: Mapping[str, str] | None = None,
    implied: Mapping[str, tuple[str, str]] | None = None,
    older: Mapping[str, str] | None = None,
    aliases: tuple[str, ...] = (),
    flags: Spelling = "TRUE",
    history: History | None = None,
    weigh: Callable[[Parameters], int] | None = None,
    secret: bool = False,
    silent: bool = False,
    dropped: Collection[str] = (),
    priority: Priority = Priority.USUAL,
    rows: str | None = None,
) -> Callable[[Callable[P, T]], Read[P, T]]:
    """Makes the decorated declaration a reading function.

    `flags` is how the venue spells yes and no here; `dropped` are parameters that old callers give and nobody sends.
    """

    def make(declared: Callable[P, T]) -> Read[P, T]:
        answer, parameters = _declared(declared, flags, {}, dropped)
        return Read(
            name=declared.__name__,
            summary=_summary(declared),
            signature=inspect.signature(declared),
            endpoint=Endpoint(method, path, answer, security, weight, counted, secret, priority, rows),
            parameters=parameters,
            fixed=fixed or {},
            implied=implied or {},
            older=older or {},
            aliases=aliases,
            weigh=weigh,
            is_silent=silent,
            history=history,
        )

    return make


def change(
    kind: ChangeKind,
    method: str,
    path: str,
    *,
    weight: int = 1,
    counted: Counted = "uid",
    fixed: Mapping[str, str] | None = None,
    implied: Mapping[str, tuple[str, str]] | None = None,
    aliases: tuple[str, ...] = (),
    names: Mapping[str, str] | None = None,
    flags: Spelling = "TRUE",
    weigh: Callable[[Parameters], int] | None = None,
) -> Callable[[Callable[P, T]], Change[P, T]]:
    """Makes the decorated declaration a changing function. `names`: the venue's spelling where it isn't camelCase."""

    def make(declared: Callable[P, T]) -> Change[P, T]:
        answer, parameters = _declared(declared, flags, names or {}, ())
        return Change(
            name=declared.__name__,
            summary=_summary(declared),
            signature=inspect.signature(declared),
            endpoint=Endpoint(method, path, answer, Security.SIGNED, weight, counted),
            parameters=parameters,
            fixed=fixed or {},
            implied=implied or {},
            older={},
            aliases=aliases,
            weigh=weigh,
            kind=kind,
        )

    return make


def snake(name: str) -> str:
    """The venue's name in our spelling: isolatedSymbol as isolated_symbol."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def the_venue_answers() -> NoReturn:
    """The body of a declaration. It never runs: the decorator keeps the signature alone."""
    raise AssertionError("a declaration was called")


def _declared(
    declared: Callable[P, T], flags: Spelling, names: Mapping[str, str], dropped: Collection[str]
) -> tuple[type[T], tuple[Parameter, ...]]:
    kinds = typing.get_type_hints(declared)
    answer: type[T] = kinds.pop("return")
    parameters = tuple(
        Parameter(
            name=names.get(one.name, _camel(one.name)),
            own=one.name,
            is_required=one.default is inspect.Parameter.empty,
            spelling=flags if bool in (kinds[one.name], *typing.get_args(kinds[one.name])) else "",
            default=None if one.default in (None, inspect.Parameter.empty) else _text(one.default, flags),
            is_sent=one.name not in dropped,
            is_amount=Decimal in (kinds[one.name], *typing.get_args(kinds[one.name])),
        )
        for one in inspect.signature(declared).parameters.values()
    )
    return answer, parameters


def _summary(declared: Callable[P, T]) -> str:
    return (inspect.getdoc(declared) or "").partition("\n")[0]


def _text(value: Any, spelling: Spelling) -> str | int | None:
    match value:
        case None:
            return None
        case bool():
            word = "TRUE" if value else "FALSE"
            return word if spelling == "TRUE" else word.lower()
        case str() | int():
            return value
        case Decimal():
            return plain(value)
        case datetime():
            return milliseconds(value)
        case Sequence():
            return ",".join(value)
    raise TypeError(f"can't be sent: {type(value).__name__}")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
