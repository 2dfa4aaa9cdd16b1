"""Recovery options as sentences."""

from monitor.core.actions.recovery import RecoveryOption
from monitor.core.model.account import Scope
from monitor.core.model.metric_values import MetricValues
from monitor.core.state.account_state import AccountState
from monitor.view.documents.recovery import find_recovery
from monitor.view.formatting import format_level, format_route, format_usdt


def recovery_lines(state: AccountState, scope: Scope, figures: MetricValues) -> list[str]:
    """The recovery options as sentences for a message; empty when none is needed or known."""
    found = find_recovery(state, scope, figures)
    if found is None:
        return []
    return [f"{_option_sentence(option)} (back at {format_level(found.target)})" for option in found.options]


def _option_sentence(option: RecoveryOption) -> str:
    value = "" if option.asset == "USDT" else f", {format_usdt(option.value_usdt)}"
    lacking = "" if option.feasible else ", more than is at hand"
    return f"{format_route(option.route, option.amount, option.asset, option.repays)}{value}{lacking}"
