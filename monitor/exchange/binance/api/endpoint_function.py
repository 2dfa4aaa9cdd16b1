"""A typed function of the REST API: its signature declares the parameters, its annotation the answer.

A topic declares `@read("GET", "/sapi/…", weight=10) def get_thing(*, asset: str) -> Thing: declaration_only()`; the
result is called as `await get_thing(transport, asset="USDT")`, and by its name from the command line.
"""

import inspect
import re
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, Literal, NoReturn, ParamSpec, Self, TypeVar, cast

from monitor.core.model.order import ActionKind, ManualCallKind
from monitor.core.numbers.amounts import format_decimal
from monitor.exchange.binance.api.endpoint import Endpoint, SecurityType
from monitor.exchange.binance.api.response import ApiResponse, WriteResult
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import CountedBy, Priority
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.wire.numbers import to_milliseconds

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")

WriteKind = ActionKind | ManualCallKind
"""Kind of change that a function makes; two of one kind and asset are never under way together."""

BoolStyle = Literal["", "TRUE", "true"]

CursorKind = Literal["page", "after", "from", "none"]
"""Continuation of a history: by page number; by an id, exclusive or inclusive; or none."""


@dataclass(frozen=True, slots=True)
class HistoryPaging:
    """Paging of a history.

    `max_window` is the longest window of one request, `retention` how long the exchange keeps rows, `page_size` the
    maximum rows of one answer. `key_fields` names the fields (ours) that identify a row, `time_field` the one that
    dates it. `cursor_param` is the parameter of an id cursor, whose field comes first in `key_fields`.
    """

    cursor: CursorKind
    max_window: timedelta
    key_fields: tuple[str, ...]
    time_field: str
    page_size: int = 100
    retention: timedelta | None = None
    cursor_param: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: the exchange's name, ours, and whether it is required.

    `bool_style` is the spelling of a yes or no: TRUE, true, or "" where the parameter is neither. `default` is sent
    where no value is given. `is_sent` is False for a parameter that old callers give and that is dropped. `is_amount`:
    a decimal, sent without exponent.
    """

    name: str
    python_name: str
    is_required: bool
    bool_style: BoolStyle = ""
    default: str | int | None = None
    is_sent: bool = True
    is_amount: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFunction(Generic[P, T]):
    """One function of the API, by the name that callers use.

    `fixed_params` are parameters that the name implies, `implied_params` those that another parameter implies when it
    is given, `former_names` old names of parameters, `aliases` other names of the function. `weight_of` returns the
    weight where it depends on the parameters. A function with `is_local` sends no request.
    """

    name: str
    summary: str
    signature: inspect.Signature
    endpoint: Endpoint[T]
    parameters: tuple[Parameter, ...]
    fixed_params: Mapping[str, str]
    implied_params: Mapping[str, tuple[str, str]]
    former_names: Mapping[str, str]
    aliases: tuple[str, ...]
    weight_of: Callable[[Parameters], int] | None
    is_local: bool = False

    def request_params(self, values: Parameters) -> Parameters:
        """Return all parameters of the request: the given ones in declared order, then those that the name implies."""
        values = {name: value for name, value in values.items() if value is not None}
        implied_values = dict(two for name, two in self.implied_params.items() if name in values)
        params: dict[str, str | int | None] = {}
        for parameter in self.parameters:
            value = values.get(parameter.name, implied_values.get(parameter.name, parameter.default))
            if value is not None and parameter.is_sent:
                params[parameter.name] = value
        return {**params, **self.fixed_params}

    def with_weight(self, params: Parameters) -> Endpoint[T]:
        """Return the endpoint with the weight of this very request."""
        return self.endpoint if self.weight_of is None else replace(self.endpoint, weight=self.weight_of(params))

    def find_parameter(self, word: str) -> Parameter | None:
        """Return the parameter that `word` means: the exchange's name, its snake_case, or a former name."""
        for parameter in self.parameters:
            if word in (parameter.name, parameter.python_name, to_snake_case(parameter.name)):
                return parameter
            if self.former_names.get(word) == parameter.name:
                return parameter
        return None

    def _build_request(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Endpoint[T], Parameters]:
        given = self.signature.bind(*args, **kwargs).arguments
        params = self.request_params(
            {
                parameter.name: _format_value(given.get(parameter.python_name), parameter.bool_style)
                for parameter in self.parameters
            }
        )
        return self.with_weight(params), params


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFunction(EndpointFunction[P, T]):
    """A function that changes nothing. `history` is set where its rows can be read as a whole history."""

    history: HistoryPaging | None = None

    async def __call__(self, transport: Transport, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the decoded answer. Raises as Transport.read does."""
        endpoint, asked = self._build_request(*args, **kwargs)
        return await transport.read(endpoint, asked)

    async def fetch(
        self, transport: Transport, translate: Callable[[T, ApiResponse], U], *args: P.args, **kwargs: P.kwargs
    ) -> U:
        """Return the answer converted by `translate`, whose Implausible rejects it. Raises as Transport.fetch does."""
        endpoint, asked = self._build_request(*args, **kwargs)
        return await transport.fetch(endpoint, asked, translate)

    def with_priority(self, priority: Priority) -> Self:
        """Return the function with another priority of its requests."""
        return replace(self, endpoint=replace(self.endpoint, priority=priority))

    def shared_for(self, seconds: float) -> Self:
        """Return the function whose answers serve other accounts, too, for these exchange seconds."""
        return replace(self, endpoint=replace(self.endpoint, shared_s=seconds))

    def with_answer(self, answer: type[U]) -> "ReadFunction[P, U]":
        """Return the function with another model of its answer: of the fields alone that the caller uses."""
        narrowed: Any = replace(self.endpoint, answer=answer)  # type: ignore[arg-type]  # the model changes the type
        return cast("ReadFunction[P, U]", replace(self, endpoint=narrowed))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFunction(EndpointFunction[P, T]):
    """A function that changes something. It is sent once, and never raises for an answer of the exchange."""

    kind: WriteKind

    async def __call__(self, transport: Transport, *args: P.args, **kwargs: P.kwargs) -> WriteResult[T]:
        """Send the one request and return its result."""
        return await transport.send(*self._build_request(*args, **kwargs))


def read(
    method: str,
    path: str,
    *,
    weight: int = 1,
    counted: CountedBy = "ip",
    security: SecurityType = SecurityType.SIGNED,
    fixed_params: Mapping[str, str] | None = None,
    implied_params: Mapping[str, tuple[str, str]] | None = None,
    former_names: Mapping[str, str] | None = None,
    aliases: tuple[str, ...] = (),
    bool_style: BoolStyle = "TRUE",
    history: HistoryPaging | None = None,
    weight_of: Callable[[Parameters], int] | None = None,
    secret: bool = False,
    is_local: bool = False,
    ignored: Collection[str] = (),
    priority: Priority = Priority.USUAL,
    rows: str | None = None,
    shared_s: float | None = None,
) -> Callable[[Callable[P, T]], ReadFunction[P, T]]:
    """Make the decorated declaration a read function.

    `bool_style` is the exchange's spelling of yes and no here; `ignored` names parameters that old callers give and
    that are never sent.
    """

    def make(declared: Callable[P, T]) -> ReadFunction[P, T]:
        answer, parameters = _parse_declaration(declared, bool_style, {}, ignored)
        return ReadFunction(
            name=declared.__name__,
            summary=_summary(declared),
            signature=inspect.signature(declared),
            endpoint=Endpoint(method, path, answer, security, weight, counted, secret, priority, rows, shared_s),
            parameters=parameters,
            fixed_params=fixed_params or {},
            implied_params=implied_params or {},
            former_names=former_names or {},
            aliases=aliases,
            weight_of=weight_of,
            is_local=is_local,
            history=history,
        )

    return make


def write(
    kind: WriteKind,
    method: str,
    path: str,
    *,
    weight: int = 1,
    counted: CountedBy = "uid",
    fixed_params: Mapping[str, str] | None = None,
    implied_params: Mapping[str, tuple[str, str]] | None = None,
    aliases: tuple[str, ...] = (),
    names: Mapping[str, str] | None = None,
    bool_style: BoolStyle = "TRUE",
    weight_of: Callable[[Parameters], int] | None = None,
) -> Callable[[Callable[P, T]], WriteFunction[P, T]]:
    """Make the decorated declaration a write function. `names`: the exchange's spelling where it isn't camelCase."""

    def make(declared: Callable[P, T]) -> WriteFunction[P, T]:
        answer, parameters = _parse_declaration(declared, bool_style, names or {}, ())
        return WriteFunction(
            name=declared.__name__,
            summary=_summary(declared),
            signature=inspect.signature(declared),
            endpoint=Endpoint(method, path, answer, SecurityType.SIGNED, weight, counted),
            parameters=parameters,
            fixed_params=fixed_params or {},
            implied_params=implied_params or {},
            former_names={},
            aliases=aliases,
            weight_of=weight_of,
            kind=kind,
        )

    return make


def to_snake_case(name: str) -> str:
    """Return the exchange's name in our spelling: isolatedSymbol as isolated_symbol."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def declaration_only() -> NoReturn:
    """Stand for the body of a declaration. It never runs: the decorator keeps the signature alone."""
    raise AssertionError("a declaration was called")


def _parse_declaration(
    function: Callable[P, T], bool_style: BoolStyle, names: Mapping[str, str], ignored: Collection[str]
) -> tuple[type[T], tuple[Parameter, ...]]:
    kinds = typing.get_type_hints(function)
    answer_type: type[T] = kinds.pop("return")
    parameters = tuple(
        Parameter(
            name=names.get(parameter.name, _to_camel_case(parameter.name)),
            python_name=parameter.name,
            is_required=parameter.default is inspect.Parameter.empty,
            bool_style=bool_style if bool in (kinds[parameter.name], *typing.get_args(kinds[parameter.name])) else "",
            default=None
            if parameter.default in (None, inspect.Parameter.empty)
            else _format_value(parameter.default, bool_style),
            is_sent=parameter.name not in ignored,
            is_amount=Decimal in (kinds[parameter.name], *typing.get_args(kinds[parameter.name])),
        )
        for parameter in inspect.signature(function).parameters.values()
    )
    return answer_type, parameters


def _summary(function: Callable[P, T]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _format_value(value: Any, bool_style: BoolStyle) -> str | int | None:
    match value:
        case None:
            return None
        case bool():
            word = "TRUE" if value else "FALSE"
            return word if bool_style == "TRUE" else word.lower()
        case str() | int():
            return value
        case Decimal():
            return format_decimal(value)
        case datetime():
            return to_milliseconds(value)
        case Sequence():
            return ",".join(value)
    raise TypeError(f"can't be sent: {type(value).__name__}")


def _to_camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
