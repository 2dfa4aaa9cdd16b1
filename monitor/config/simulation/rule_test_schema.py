"""Tables of a rule test file as schema dataclasses."""
# ruff: noqa: RUF009 – key() and optional() only describe a field, as dataclasses.field() does

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.config import value_types
from monitor.config.config_key import key, optional
from monitor.config.errors import InvalidValue
from monitor.config.value_types import ValueType
from monitor.core.numbers.durations import parse_since
from monitor.core.rules.rule import METRIC_SCOPES
from monitor.simulation.series import parse_series

ALERT_STATES = ("pending", "firing", "resolved")
DEFAULT_START = "2025-01-01T00:00:00Z"


def time_value() -> ValueType[datetime]:
    """A time: RFC 3339 text, or a time of TOML; UTC without an offset."""

    def read(value: object) -> datetime:
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        if not isinstance(value, str):
            raise InvalidValue("is no moment", f'write it like "{DEFAULT_START}"')
        try:
            return parse_since(value, datetime(1970, 1, 1, tzinfo=UTC))
        except ValueError as error:
            raise InvalidValue("is no moment", f'write it like "{DEFAULT_START}"') from error

    return ValueType("moment", read, {"type": "string"})


def series_values() -> ValueType[tuple[object, ...]]:
    """The short notation of a series."""

    def read(value: object) -> tuple[object, ...]:
        try:
            return parse_series(value_types.text().read(value))
        except ValueError as error:
            raise InvalidValue(str(error), 'write it like "1.8 1.7x3 _ stale 1.5-0.1x4"') from error

    return ValueType("series", read, {"type": "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestTable:
    """Plain values of one [[tests]]."""

    __test__ = False

    name: str = key(value_types.name(), "what the test says")
    account: str | None = optional(value_types.name(), "the account that it is about", "the first")
    start: datetime = key(time_value(), "when the series begin", DEFAULT_START)
    interval: timedelta = key(value_types.duration("1s"), "from one value of a series to the next", "1m")
    paused: bool = key(value_types.boolean(), "whether actions are paused", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTable:
    """One [[tests.series]]."""

    metric: str | None = optional(value_types.text(), "the metric", "price is given")
    scope: str | None = optional(value_types.choice(*METRIC_SCOPES), "its scope", "the metric's own, or by its subject")
    subject: str | None = optional(value_types.asset(), "the pair or asset", "none")
    price: str | None = optional(value_types.asset(), "the symbol of a price", "metric is given")
    values: tuple[object, ...] = key(series_values(), "its values")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectTable:
    """Plain values of one [[tests.expect]]."""

    at: timedelta = key(value_types.duration(), "how long after the start")
    rules: tuple[str, ...] | None = optional(value_types.list_of(value_types.text()), "the rules looked at", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAlertTable:
    """One alert of an expectation."""

    rule: str = key(value_types.name(), "its rule")
    scope: str | None = optional(value_types.choice(*METRIC_SCOPES), "its scope", "any")
    subject: str | None = optional(value_types.asset(), "its pair or asset", "any")
    state: str = key(value_types.choice(*ALERT_STATES), "its state", "firing")
    severity: str | None = optional(value_types.choice("info", "warning", "critical"), "its severity", "any")
    told: tuple[str, ...] | None = optional(value_types.list_of(value_types.name()), "the channels told so far", "any")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedActionTable:
    """One action of an expectation."""

    action: str | None = optional(value_types.name(), "its name", "any")
    kind: str | None = optional(
        value_types.choice("repay", "transfer_in", "reduce", "cancel_orders"), "what it did", "any"
    )
    asset: str | None = optional(value_types.asset(), "the asset moved", "any")
    amount: Decimal | None = optional(value_types.amount(), "the amount moved", "any")
    source: str | None = optional(value_types.choice("spot", "funding", "cross"), "where it came from", "any")
    symbol: str | None = optional(value_types.asset(), "the isolated pair", "any")
    blocked: str | None = optional(value_types.text(), "words of the limit that stops it", "it is done")
