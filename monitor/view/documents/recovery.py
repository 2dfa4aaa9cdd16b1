"""What would make a scope safe again, as programs and people read it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.actions.position import standing_of
from monitor.core.actions.recovery import RestoreOption, restore_options
from monitor.core.model.account import Scope
from monitor.core.model.metric_values import Figures
from monitor.core.numbers.amounts import plain
from monitor.core.state.account_state import AccountState
from monitor.view.json_values import Document, moment_text

SAFE_OVER_INITIAL = Decimal("1.05")
"""Safe again means the initial level and five per cent: what the shipped actions aim at, too."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """The ways to reach `target`, the cheapest first. `outside_as_of`: when what could be brought in was last read."""

    target: Decimal
    options: tuple[RestoreOption, ...]
    outside_as_of: datetime | None = None


def restoration(state: AccountState, scope: Scope, figures: Figures) -> Restoration | None:
    """The ways back to safety; None when the scope is safe, owes nothing, or is not known well enough."""
    initial = figures.read("initial_level")
    standing = standing_of(state, scope, figures)
    if standing is None or not isinstance(initial, Decimal):
        return None
    target = initial * SAFE_OVER_INITIAL
    options = restore_options(standing, target)
    wallets = [at for place, at in standing.outside_as_of.items() if place != "cross"]
    return Restoration(target, options, min(wallets, default=None)) if options else None


def restore_document(found: Restoration | None) -> Document | None:
    if found is None:
        return None
    return {
        "target": plain(found.target),
        "outside_as_of": moment_text(found.outside_as_of),
        "options": [
            {
                "route": option.route,
                "asset": option.asset,
                "amount": plain(option.amount),
                "value_usdt": plain(option.value_usdt),
                "feasible": option.feasible,
                **({"repays": option.repays} if option.repays else {}),
            }
            for option in found.options
        ],
    }
