"""The line of a message about the days of the past, as they were measured last."""

from datetime import datetime

from monitor.core.model.account import Scope
from monitor.core.model.metric_values import MetricValues
from monitor.core.state.account_state import AccountState
from monitor.view.past.past_days import past_days_text, scope_subject
from monitor.view.past.windows_document import past_day_document


def past_line(state: AccountState, scope: Scope, figures: MetricValues, now: datetime) -> str:
    """The sentence about the scope; empty where nothing is owed or was measured."""
    past = None if figures.state == "no_debt" else past_day_document(state, scope, now)
    if past is None:
        return ""
    text = past_days_text(past, scope_subject(scope.kind), now)
    return f"{text[:1].upper()}{text[1:]}."
