"""What rules look at: every subject of an account, and the figures of each."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import assert_never

from monitor.core.metrics.account import account_figures
from monitor.core.metrics.asset import Ledger, asset_figures, ledger_of
from monitor.core.metrics.cross import cross_figures
from monitor.core.metrics.isolated import isolated_figures
from monitor.core.metrics.monitor import monitor_figures, only_counted
from monitor.core.metrics.valuation import Market, market_at
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric_values import Figures
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import is_watched, scopes

Subject = tuple[MetricScope, str]

ACCOUNT: Subject = ("account", "")
MONITOR: Subject = ("monitor", "")


class Sight:
    """The figures of one account at one moment. Each is measured when it is first asked for, and only once."""

    def __init__(self, state: AccountState, settings: Settings, now: datetime) -> None:
        self.state = state
        self.settings = settings
        self.now = now
        self._market: Market = market_at(state, settings, now)
        self._figures: dict[Subject, Figures] = {}

    def of(self, subject: Subject) -> Figures:
        """The figures of one subject."""
        found = self._figures.get(subject)
        if found is None:
            found = self._figures[subject] = self._measure(subject)
        return found

    def all_of(self, wanted: Iterable[Subject]) -> Mapping[Subject, Figures]:
        """The figures of many subjects."""
        return {subject: self.of(subject) for subject in wanted}

    @cached_property
    def margin(self) -> tuple[Subject, ...]:
        """Cross and every watched pair that exists."""
        return tuple(
            ("cross" if not scope.symbol else "isolated", scope.symbol) for scope in scopes(self.state, self.settings)
        )

    def priced_by(self, symbols: Iterable[str]) -> tuple[Subject, ...]:
        """The scopes whose figures the prices of these symbols enter: their own pairs, and cross for what it holds."""
        state, settings = self.state, self.settings
        pairs: list[Subject] = []
        if state.isolated is not None and settings.isolated != ():
            pairs = [("isolated", s) for s in symbols if is_watched(state, settings, s)]
        book = state.book
        if settings.cross and (book is None or not book.touched_by.isdisjoint(symbols)):
            return (("cross", ""), *pairs)
        return tuple(pairs)

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """Every subject that exists now; a pair or asset that is not in it is gone (once all scopes were read)."""
        assets: Iterator[Subject] = (("asset", asset) for asset in self._ledger.assets)
        return (*self.margin, *assets, ACCOUNT, MONITOR)

    @cached_property
    def is_complete(self) -> bool:
        """Whether every watched scope was read whole, so that a missing subject is really gone."""
        isolated = self.state.isolated
        pairs_known = self.settings.isolated == () or (isolated is not None and isolated.complete)
        return pairs_known and (not self.settings.cross or self.state.cross is not None)

    @cached_property
    def only_counted(self) -> frozenset[str]:
        """The metrics of scope monitor that are counted from the start because nothing has come yet."""
        return only_counted(self.state, self.settings)

    @cached_property
    def _ledger(self) -> Ledger:
        return ledger_of(self.state, self.settings, self.now)

    def _measure(self, subject: Subject) -> Figures:
        state, settings, now = self.state, self.settings, self.now
        kind, name = subject
        match kind:
            case "cross":
                return cross_figures(state, settings, now, self._market)
            case "isolated":
                return isolated_figures(state, settings, name, now, self._market)
            case "asset":
                return asset_figures(state, settings, name, now, self._ledger)
            case "account":
                return account_figures(state, settings, now)
            case "monitor":
                return monitor_figures(state, settings, map(self.of, self.margin), now)
            case _:
                assert_never(kind)


def figures_of(state: AccountState, settings: Settings, subject: Subject, now: datetime) -> Figures:
    """The figures of one subject; many of one moment are cheaper by a `Sight`."""
    return Sight(state, settings, now).of(subject)
