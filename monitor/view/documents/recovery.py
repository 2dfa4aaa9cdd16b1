"""Recovery options of a scope as a JSON document."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.actions.recovery import RecoveryOption, recovery_options
from monitor.core.actions.scope_position import LEVEL_STEP, build_scope_position
from monitor.core.model.account import Scope
from monitor.core.model.metric_values import MetricValues
from monitor.core.numbers.amounts import format_decimal
from monitor.core.state.account_state import AccountState
from monitor.view.documents.types.recovery import RecoveryDocument, RecoveryOptionDocument
from monitor.view.json_values import json_time

SAFE_LEVEL_FACTOR = Decimal("1.05")
"""The target is the initial level plus five per cent, as in the default actions."""


@dataclass(frozen=True, slots=True)
class ScopeRecovery:
    """Recovery options to reach `target`, the cheapest first. `external_as_of`: time of the last read of outside
    balances."""

    target: Decimal
    options: tuple[RecoveryOption, ...]
    external_as_of: datetime | None = None


def find_recovery(state: AccountState, scope: Scope, figures: MetricValues) -> ScopeRecovery | None:
    """The recovery options; None when the scope is safe, owes nothing, or is not known well enough."""
    initial, level = figures.read("initial_level"), figures.read("margin_level")
    if not isinstance(initial, Decimal):
        return None
    target = initial * SAFE_LEVEL_FACTOR
    if isinstance(level, Decimal) and level - LEVEL_STEP >= target:
        # Safe by more than the position may take off: it is not built, each second, for every scope.
        return None
    standing = build_scope_position(state, scope, figures)
    if standing is None:
        return None
    options = recovery_options(standing, target)
    wallets = [at for place, at in standing.external_as_of.items() if place != "cross"]
    return ScopeRecovery(target, options, min(wallets, default=None)) if options else None


def recovery_document(recovery: ScopeRecovery | None) -> RecoveryDocument | None:
    if recovery is None:
        return None
    return {
        "target": format_decimal(recovery.target),
        "outside_as_of": json_time(recovery.external_as_of),
        "options": [_option_document(option) for option in recovery.options],
    }


def _option_document(option: RecoveryOption) -> RecoveryOptionDocument:
    document: RecoveryOptionDocument = {
        "route": option.route,
        "asset": option.asset,
        "amount": format_decimal(option.amount),
        "value_usdt": format_decimal(option.value_usdt),
        "feasible": option.feasible,
    }
    if option.repays:
        document["repays"] = option.repays
    return document
