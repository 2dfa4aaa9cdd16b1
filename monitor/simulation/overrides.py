"""Metrics snapshot in which some metrics are given instead of measured."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from monitor.core.metrics.snapshot import MetricsSnapshot, Subject
from monitor.core.model.metric import MetricValue
from monitor.core.model.metric_values import MetricValues
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState

MetricOverrides = Mapping[Subject, Mapping[str, MetricValue]]
"""Given metrics, by subject and metric."""


class OverriddenMetrics(MetricsSnapshot):
    """Metrics snapshot with given metrics in place of measured ones. A subject may have given metrics only."""

    def __init__(
        self, state: AccountState, settings: AccountSettings, now: datetime, overrides: MetricOverrides
    ) -> None:
        super().__init__(state, settings, now)
        self._overrides = overrides
        self._cache: dict[Subject, MetricValues] = {}

    def get(self, subject: Subject) -> MetricValues:
        found = self._cache.get(subject)
        if found is None:
            found = super().get(subject)
            overrides = self._overrides.get(subject)
            if overrides is not None:
                values, shown = {**found.values, **overrides}, {**found.display, **overrides}
                found = found._replace(values=values, display=shown, as_of=found.as_of or self.now)
            self._cache[subject] = found
        return found

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        return tuple(dict.fromkeys((*super().subjects, *self._overrides)))
