"""The tables of a file of tests, as schemas."""
# ruff: noqa: RUF009 – key() and optional() only describe a field, as dataclasses.field() does

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.config import kinds
from monitor.config.kinds import Kind
from monitor.config.mistakes import Wrong
from monitor.config.schema import key, optional
from monitor.core.durations import parse_since
from monitor.core.rehearsal.series import parse_series
from monitor.core.rule_table import SCOPES

STATES = ("pending", "firing", "resolved")
USUAL_START = "2025-01-01T00:00:00Z"


def moment() -> Kind[datetime]:
    """A moment: RFC 3339 text, or a time of TOML; without offset it is UTC."""

    def read(value: object) -> datetime:
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        if not isinstance(value, str):
            raise Wrong("is no moment", f'write it like "{USUAL_START}"')
        try:
            return parse_since(value, datetime(1970, 1, 1, tzinfo=UTC))
        except ValueError as error:
            raise Wrong("is no moment", f'write it like "{USUAL_START}"') from error

    return Kind("moment", read)


def values() -> Kind[tuple[object, ...]]:
    """The short notation of a series."""

    def read(value: object) -> tuple[object, ...]:
        try:
            return parse_series(kinds.text().read(value))
        except ValueError as error:
            raise Wrong(str(error), 'write it like "1.8 1.7x3 _ stale 1.5-0.1x4"') from error

    return Kind("series", read)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestTable:
    """One [[tests]]: what of it is a plain value."""

    __test__ = False

    name: str = key(kinds.name(), "what the test says")
    account: str | None = optional(kinds.name(), "the account that it is about", "the first")
    start: datetime = key(moment(), "when the series begin", USUAL_START)
    interval: timedelta = key(kinds.duration("1s"), "from one value of a series to the next", "1m")
    paused: bool = key(kinds.boolean(), "whether actions are paused", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTable:
    """One [[tests.series]]."""

    metric: str | None = optional(kinds.text(), "the metric", "price is given")
    scope: str | None = optional(kinds.choice(*SCOPES), "its scope", "the metric's own, or by its subject")
    subject: str | None = optional(kinds.asset(), "the pair or asset", "none")
    price: str | None = optional(kinds.asset(), "the symbol of a price", "metric is given")
    values: tuple[object, ...] = key(values(), "its values")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectTable:
    """One [[tests.expect]]: what of it is a plain value."""

    at: timedelta = key(kinds.duration(), "how long after the start")
    rules: tuple[str, ...] | None = optional(kinds.list_of(kinds.text()), "the rules looked at", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTable:
    """One alert of an expectation."""

    rule: str = key(kinds.name(), "its rule")
    scope: str | None = optional(kinds.choice(*SCOPES), "its scope", "any")
    subject: str | None = optional(kinds.asset(), "its pair or asset", "any")
    state: str = key(kinds.choice(*STATES), "its state", "firing")
    severity: str | None = optional(kinds.choice("info", "warning", "critical"), "its severity", "any")
    told: tuple[str, ...] | None = optional(kinds.list_of(kinds.name()), "the channels told so far", "any")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTable:
    """One action of an expectation."""

    action: str | None = optional(kinds.name(), "its name", "any")
    kind: str | None = optional(kinds.choice("repay", "transfer_in", "reduce", "cancel_orders"), "what it did", "any")
    asset: str | None = optional(kinds.asset(), "the asset moved", "any")
    amount: Decimal | None = optional(kinds.amount(), "the amount moved", "any")
    source: str | None = optional(kinds.choice("spot", "funding", "cross"), "where it came from", "any")
    symbol: str | None = optional(kinds.asset(), "the isolated pair", "any")
    blocked: str | None = optional(kinds.text(), "words of the limit that stops it", "it is done")
