"""All subjects of an account and their metric values at one moment, computed lazily."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import assert_never

from monitor.core.metrics.account import measure_account
from monitor.core.metrics.asset import AssetIndex, index_assets, measure_asset
from monitor.core.metrics.cross import measure_cross
from monitor.core.metrics.isolated import measure_pair
from monitor.core.metrics.monitor import measure_monitor, metrics_unseen_since_start
from monitor.core.metrics.valuation import PriceContext, build_price_context
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric_values import MetricValues
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import is_watched, watched_scopes

Subject = tuple[MetricScope, str]

ACCOUNT_SUBJECT: Subject = ("account", "")
MONITOR_SUBJECT: Subject = ("monitor", "")


class MetricsSnapshot:
    """All metrics of one account at one moment. Each subject is measured on first access, and only once."""

    def __init__(self, state: AccountState, settings: AccountSettings, now: datetime) -> None:
        self.state = state
        self.settings = settings
        self.now = now
        self._price_context: PriceContext = build_price_context(state, settings, now)
        self._values: dict[Subject, MetricValues] = {}

    def get(self, subject: Subject) -> MetricValues:
        """Return the metrics of one subject."""
        found = self._values.get(subject)
        if found is None:
            found = self._values[subject] = self._measure(subject)
        return found

    def get_many(self, subjects: Iterable[Subject]) -> Mapping[Subject, MetricValues]:
        """Return the metrics of many subjects."""
        return {subject: self.get(subject) for subject in subjects}

    @cached_property
    def margin_subjects(self) -> tuple[Subject, ...]:
        """Return cross and every watched pair that exists."""
        return tuple(
            ("cross" if not scope.symbol else "isolated", scope.symbol)
            for scope in watched_scopes(self.state, self.settings)
        )

    def affected_by(self, symbols: Iterable[str]) -> tuple[Subject, ...]:
        """Return the scopes whose metrics use the prices of these symbols: their pairs, and cross for its balances."""
        state, settings = self.state, self.settings
        pairs: list[Subject] = []
        if state.isolated is not None and settings.isolated != ():
            pairs = [("isolated", s) for s in symbols if is_watched(state, settings, s)]
        value = state.prices.cross_value
        if settings.cross and (value is None or not value.symbols.isdisjoint(symbols)):
            return (("cross", ""), *pairs)
        return tuple(pairs)

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """Return every subject that exists now.

        A pair or asset that is not among them is gone (once all scopes were read).
        """
        assets: Iterator[Subject] = (("asset", asset) for asset in self._asset_index.assets)
        return (*self.margin_subjects, *assets, ACCOUNT_SUBJECT, MONITOR_SUBJECT)

    @cached_property
    def is_complete(self) -> bool:
        """Return whether every watched scope was read completely, so that a missing subject is really gone."""
        isolated = self.state.isolated
        pairs_known = self.settings.isolated == () or (isolated is not None and isolated.complete)
        return pairs_known and (not self.settings.cross or self.state.cross is not None)

    @cached_property
    def unseen_since_start(self) -> frozenset[str]:
        """Return the metrics of scope monitor whose age counts from the start because no data have come yet."""
        return metrics_unseen_since_start(self.state, self.settings)

    @cached_property
    def _asset_index(self) -> AssetIndex:
        return index_assets(self.state, self.settings, self.now)

    def _measure(self, subject: Subject) -> MetricValues:
        state, settings, now = self.state, self.settings, self.now
        kind, name = subject
        match kind:
            case "cross":
                return measure_cross(state, settings, now, self._price_context)
            case "isolated":
                return measure_pair(state, settings, name, now, self._price_context)
            case "asset":
                return measure_asset(state, settings, name, now, self._asset_index)
            case "account":
                return measure_account(state, settings, now)
            case "monitor":
                return measure_monitor(state, settings, map(self.get, self.margin_subjects), now)
            case _:
                assert_never(kind)


def measure_subject(state: AccountState, settings: AccountSettings, subject: Subject, now: datetime) -> MetricValues:
    """Return the metrics of one subject; for many of one moment a `MetricsSnapshot` is cheaper."""
    return MetricsSnapshot(state, settings, now).get(subject)
