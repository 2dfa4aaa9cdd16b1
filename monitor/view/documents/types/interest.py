"""Types of interest paid, current rates and projected cost."""

from typing import TypedDict

from monitor.core.model.account import ScopeKind
from monitor.view.documents.types.values import Count, DayText, DecimalText, GroupedBy, TimeText


class InterestSumDocument(TypedDict):
    """The charges of one asset in one scope, on a day or in the whole span; `interest_usdt` at the present price."""

    day: DayText | None
    asset: str
    account: str
    scope: ScopeKind
    symbol: str | None
    interest: DecimalText
    interest_usdt: DecimalText | None
    charges: Count


class RateDocument(TypedDict):
    """The rate now paid on a debt."""

    account: str
    asset: str
    scope: ScopeKind
    symbol: str | None
    hourly: DecimalText
    next_hourly: DecimalText | None
    daily: DecimalText
    annual: DecimalText
    as_of: TimeText


class ProjectedCostDocument(TypedDict):
    """The cost of the present debts at the present rates; `without`: debts whose rate or price is not known."""

    day_usdt: DecimalText
    month_usdt: DecimalText
    year_usdt: DecimalText
    without: list[str]


class SavingDocument(TypedDict):
    """The interest a day, in the asset, that a repayment from the free balance would save now."""

    asset: str
    per_day: DecimalText


class RecordedSpanDocument(TypedDict):
    """The time in which every charge of every scope is recorded; null while a scope has none."""

    since: TimeText | None
    until: TimeText | None


class InterestDocument(TypedDict):
    """Interest paid from `since` to `until`, current rates, and projected cost."""

    since: TimeText
    until: TimeText
    by: GroupedBy
    items: list[InterestSumDocument]
    rates: list[RateDocument]
    total_usdt: DecimalText
    projected: ProjectedCostDocument
    saving_if_repaid: list[SavingDocument]
    recorded: RecordedSpanDocument
