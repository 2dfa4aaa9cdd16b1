"""Recovery options as sentences."""

from decimal import Decimal

from monitor.core.actions.recovery import RecoveryOption
from monitor.core.model.account import Scope
from monitor.core.model.metric_values import MetricValues
from monitor.core.state.account_state import AccountState
from monitor.view.documents.recovery import find_recovery
from monitor.view.formatting import format_level, format_needed_amount, format_usdt


def recovery_lines(state: AccountState, scope: Scope, figures: MetricValues) -> list[str]:
    """The recovery options as sentences for a message; empty when none is needed or known."""
    found = find_recovery(state, scope, figures)
    if found is None:
        return []
    return [f"{_option_sentence(option)} (back at {format_level(found.target)})" for option in found.options]


def format_route(route: str, amount: Decimal, asset: str, repays: str = "") -> str:
    """One recovery option in words."""
    sum_ = format_needed_amount(amount, asset)
    match route:
        case "repay":
            return f"repay {sum_} from the free balance"
        case "transfer_and_repay":
            return f"bring in {sum_} and repay"
        case "reduce":
            return f"sell {sum_} for {repays} and repay" if repays else f"sell {sum_} and repay"
        case _:
            return f"bring in {sum_} as collateral"


def _option_sentence(option: RecoveryOption) -> str:
    value = "" if option.asset == "USDT" else f", {format_usdt(option.value_usdt)}"
    lacking = "" if option.feasible else ", more than is at hand"
    return f"{format_route(option.route, option.amount, option.asset, option.repays)}{value}{lacking}"
