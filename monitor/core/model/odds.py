"""Odds of liquidation by the past: the outcome of all windows of one length, and a read of the odds of all scopes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.numbers.amounts import INFINITE, ZERO

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
METRIC_WINDOWS = (DAY, WEEK)
"""Lengths of the windows behind the metrics `liquidation_odds_1d`, `worst_level_1d` and `liquidation_odds_7d`."""

MIN_HISTORY = timedelta(days=30)
"""History that every important asset must have, and all of them in the same hours."""


@dataclass(frozen=True, slots=True)
class WorstWindow:
    """The window of the past with the lowest level.

    `since` and `until` are its bounds. `lowest_at` is the opening of the hour with the lowest `level`, or `since` when
    no hour was worse than its beginning. `moves` are the price moves from the beginning to that hour's low or high.
    """

    since: datetime
    until: datetime
    lowest_at: datetime
    level: Decimal
    moves: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class OddsRemedy:
    """Amounts that make the odds at most `odds`: USDT brought in as collateral, or a smaller debt in one asset.

    `bring_in_usdt` and `repay` are rounded up to eight decimals and ZERO when the odds are that small already. `repay`
    is in `repay_asset`, paid from outside of the scope; None when even the whole debt in it is too little.
    """

    odds: Decimal
    bring_in_usdt: Decimal
    repay_asset: str
    repay: Decimal | None


@dataclass(frozen=True, slots=True)
class LevelFan:
    """Levels of all windows, hour by hour from their beginning (hour 0) on, for a picture: to six decimals.

    `percentiles` are of the lowest level in each hour, by per cent; `worst` are the levels of the worst window.
    """

    percentiles: Mapping[int, tuple[Decimal, ...]]
    worst: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class WindowOdds:
    """Outcome of all windows of one length.

    `windows` begin at each full hour for which all important assets have bars; `liquidated` of them would have touched
    the liquidation level. `level_percentiles` are of the windows' lowest levels, by per cent. Nothing owed: no windows,
    odds of zero and no worst window. `past_since` and `past_until` bound the bars in use; windows cover `days` of them,
    and `days_liquidated` are the days (UTC) on which liquidated windows have their lowest level.
    """

    window: timedelta
    windows: int
    liquidated: int
    worst: WorstWindow | None = None
    level_percentiles: Mapping[int, Decimal] = field(default_factory=dict)
    assets_without_history: tuple[str, ...] = ()
    past_since: datetime | None = None
    past_until: datetime | None = None
    remedies: tuple[OddsRemedy, ...] = ()
    days: int = 0
    days_liquidated: int = 0
    fan: LevelFan | None = None

    @property
    def odds(self) -> Decimal:
        """Share of the windows that would have liquidated the scope."""
        return Decimal(self.liquidated) / self.windows if self.windows else ZERO

    @property
    def worst_level(self) -> Decimal:
        """Lowest level of all windows; INFINITE when nothing is owed."""
        return INFINITE if self.worst is None else self.worst.level


@dataclass(frozen=True, slots=True)
class OddsUnavailable:
    """Reason why there are no odds, and the assets that lack a history."""

    window: timedelta
    reason: str
    assets_without_history: tuple[str, ...] = ()


OddsAnswer = WindowOdds | OddsUnavailable


@dataclass(frozen=True, slots=True)
class OddsRead:
    """Odds of each scope for each of `METRIC_WINDOWS`; replaces the earlier ones.

    `as_of` is the moment of the balances and prices. `failure` is the reason why nothing could be measured.
    """

    answers: Mapping[Scope, tuple[OddsAnswer, ...]]
    as_of: datetime
    failure: str = ""
