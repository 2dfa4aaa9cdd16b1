"""A sight in which some figures are given instead of measured."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from monitor.core.metrics.snapshot import Sight, Subject
from monitor.core.model.metric import Value
from monitor.core.model.metric_values import Figures
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState

Given = Mapping[Subject, Mapping[str, Value]]
"""Figures that are given: by subject, by metric."""


class GivenSight(Sight):
    """The figures as they are measured, those that are given in their place; a subject may exist by them alone."""

    def __init__(self, state: AccountState, settings: Settings, now: datetime, given: Given) -> None:
        super().__init__(state, settings, now)
        self._given = given
        self._seen: dict[Subject, Figures] = {}

    def of(self, subject: Subject) -> Figures:
        found = self._seen.get(subject)
        if found is None:
            found = super().of(subject)
            given = self._given.get(subject)
            if given is not None:
                values, shown = {**found.values, **given}, {**found.shown, **given}
                found = found._replace(values=values, shown=shown, as_of=found.as_of or self.now)
            self._seen[subject] = found
        return found

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        return tuple(dict.fromkeys((*super().subjects, *self._given)))
