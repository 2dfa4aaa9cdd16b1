"""Metrics of the account as a whole: its keys, liquidations, open orders and blocked actions."""

from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.scope_metrics import UNAVAILABLE
from monitor.core.metrics.valuation import is_fresh, usdt_price
from monitor.core.model.action_blocks import blocked_live_actions
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.model.metric_values import MetricValues
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.core.numbers.durations import seconds_between
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import watched_scopes


def measure_account(state: AccountState, settings: AccountSettings, now: datetime) -> MetricValues:
    """Return the metrics of the account as a whole: its keys, liquidations, open orders and blocked actions.

    If a second key moves money, the metrics of keys are those of the worse key. The permissions of a refused key are
    unknown.
    """
    accepted = (
        None
        if state.keys.is_accepted is None
        else state.keys.is_accepted and state.keys.is_action_key_accepted is not False
    )
    keys = (
        [key for key in (state.keys.permissions, state.keys.action_permissions) if key is not None]
        if accepted and state.keys.permissions
        else []
    )
    values: dict[str, MetricValue] = {
        "key_accepted": UNAVAILABLE if accepted is None else Decimal(accepted),
        "actions_blocked": Decimal(len(blocked_live_actions(state.action_blocks))),
        "orders_open": _open_order_count(state, settings),
        "liquidation_loan_usdt": _liquidation_loan(state, settings, now),
        "liquidations_24h": _liquidations_24h(state, settings, now),
        "foreign_movements_24h": Decimal(len(state.foreign_activity.confirmed)),
    }
    if not keys:
        values |= dict.fromkeys(("key_can_withdraw", "key_ip_restricted", "time_to_key_expiry"), UNAVAILABLE)
    else:
        values["key_can_withdraw"] = Decimal(any(key.withdrawals for key in keys))
        values["key_ip_restricted"] = Decimal(all(key.ip_restricted for key in keys))
        ends = [key.expires_at for key in keys if key.expires_at is not None]
        values["time_to_key_expiry"] = seconds_between(now, min(ends)) if ends else INFINITE
    return MetricValues("account", "", "ok", now, "poll", values, values)


def _open_order_count(state: AccountState, settings: AccountSettings) -> MetricValue:
    """Return the number of open orders of all watched scopes; unavailable if those of one scope are unknown."""
    watched = watched_scopes(state, settings)
    if (settings.cross and state.cross is None) or (settings.isolated != () and state.isolated is None):
        return UNAVAILABLE
    known = [state.activity.orders.get(scope) for scope in watched if scope not in state.activity.order_mismatch]
    if len(known) < len(watched) or any(orders is None or orders.read_at is None for orders in known):
        return UNAVAILABLE
    return Decimal(sum(len(orders.order_ids) for orders in known if orders is not None))


def _liquidations_24h(state: AccountState, settings: AccountSettings, now: datetime) -> MetricValue:
    """Return the number of liquidation orders of the last day; unavailable if the last day was not read recently."""
    known = state.liquidations
    if known is None or not is_fresh(known.read_at, now, settings.liquidations_stale_after):
        return UNAVAILABLE
    return Decimal(sum(1 for order in known.orders if order.at > now - timedelta(hours=24)))


def _liquidation_loan(state: AccountState, settings: AccountSettings, now: datetime) -> MetricValue:
    """Return the remaining liquidation loan of cross; not applicable without cross."""
    if not settings.cross:
        return MissingValue.NOT_APPLICABLE
    loan = state.activity.liquidation_loan
    if loan is None or not is_fresh(loan.at, now, settings.reference_stale_after):
        return UNAVAILABLE
    if not loan.remaining:
        return ZERO
    price = usdt_price(loan.asset, state.prices.newest)
    return UNAVAILABLE if price is None else loan.remaining * price
