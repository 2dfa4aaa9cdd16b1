"""Ways back to a safe level as sentences."""

from decimal import Decimal

from monitor.core.actions.recovery import RestoreOption
from monitor.core.model.account import Scope
from monitor.core.model.metric_values import Figures
from monitor.core.state.account_state import AccountState
from monitor.view.documents.recovery import restoration
from monitor.view.formatting import level_text, money_text, needed_text


def restore_lines(state: AccountState, scope: Scope, figures: Figures) -> list[str]:
    """The ways back to safety as sentences for a message; empty when there is no need or no knowledge."""
    found = restoration(state, scope, figures)
    if found is None:
        return []
    return [f"{_sentence(option)} (back at {level_text(found.target)})" for option in found.options]


def route_text(route: str, amount: Decimal, asset: str, repays: str = "") -> str:
    """One way back in words."""
    sum_ = needed_text(amount, asset)
    match route:
        case "repay":
            return f"repay {sum_} from the free balance"
        case "transfer_and_repay":
            return f"bring in {sum_} and repay"
        case "reduce":
            return f"sell {sum_} for {repays} and repay" if repays else f"sell {sum_} and repay"
        case _:
            return f"bring in {sum_} as collateral"


def _sentence(option: RestoreOption) -> str:
    value = "" if option.asset == "USDT" else f", {money_text(option.value_usdt)}"
    lacking = "" if option.feasible else ", more than is at hand"
    return f"{route_text(option.route, option.amount, option.asset, option.repays)}{value}{lacking}"
