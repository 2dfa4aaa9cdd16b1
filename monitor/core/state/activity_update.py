"""The next account activity after an event: open orders, the ledger, and changes that nothing explains yet."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.core.model.account import CROSS, Balance, IsolatedSnapshot, Scope
from monitor.core.model.events import CrossRead, Event, IsolatedRead, StreamEvent, Tick
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.core.model.order import Reduce, Transfer
from monitor.core.model.reads import LedgerRead, LiquidationLoanRead, OpenOrdersRead
from monitor.core.model.stream_payloads import BalanceAdjusted, BalancesChanged
from monitor.core.state.account_state import AccountState
from monitor.core.state.activity_state import ActivityState
from monitor.core.state.open_orders import OpenOrders

STREAM_LAG = timedelta(seconds=5)
"""Maximum delay of a stream event behind a snapshot that already shows the change."""

LEDGER_RETRY = timedelta(minutes=1)
"""Minimum time between ledger reads for unexplained changes."""

OWN_ORDER_WINDOW = timedelta(minutes=2)
"""Time after its settlement in which an own order explains a change."""

LEDGER_LAG = timedelta(hours=3)
"""Maximum wait for a movement that does not show in the ledger."""

ALL_DEBTS = ""
"""Stands for all debts of a scope, when the stream does not name the changed balance."""


def apply_activity(before: AccountState, event: Event, now: datetime) -> ActivityState:
    """Return the account activity after `event`; `before` is the account's state before it."""
    activity = before.activity
    match event:
        case Tick():
            return _request_ledger(activity, any(map(_may_be_taken, before.intents.values())), now)
        case StreamEvent():
            return _with_stream_event(activity, event)
        case CrossRead(snapshot):
            old = None if before.cross is None else before.cross.balances
            since = None if before.cross is None else before.cross.as_of
            activity = _with_balances(before, activity, CROSS, old, snapshot.balances, since, now)
            return _with_locked(activity, CROSS, snapshot.balances.values(), snapshot.as_of)
        case IsolatedRead(snapshot):
            return _with_pairs(before, activity, snapshot, now)
        case OpenOrdersRead(scope, numbers, as_of, resting):
            orders = activity.orders.get(scope, OpenOrders()).with_read(numbers, as_of)
            return replace(
                activity,
                orders={**activity.orders, scope: orders},
                open_orders={**activity.open_orders, scope: resting},
                order_mismatch=activity.order_mismatch - {scope},
            )
        case LedgerRead():
            return _with_ledger(activity, event, now)
        case LiquidationLoanRead():
            return replace(activity, liquidation_loan=event)
        case _:
            return activity


def _with_stream_event(activity: ActivityState, event: StreamEvent) -> ActivityState:
    assets: Iterable[str]
    match event.parsed:
        case BalancesChanged(amounts=amounts):
            assets = amounts.keys()
        case BalanceAdjusted(asset=asset):
            assets = (asset,)
        case _ if event.stream == "risk":
            assets = (ALL_DEBTS,)
        case _:
            assets = ()
    scope, at = event.scope, event.received_at
    if assets:
        last_event_at = {**activity.last_event_at, **{(scope, asset): at for asset in assets}}
        unexplained = {
            key: since for key, since in activity.unexplained.items() if not (key[0] == scope and key[1] in assets)
        }
        # The risk stream reports interest too, which is no movement; a new loan shows in the balances.
        ledger_stale_since = (
            activity.ledger_stale_since if event.stream == "risk" else {**activity.ledger_stale_since, scope: at}
        )
        activity = replace(
            activity, last_event_at=last_event_at, unexplained=unexplained, ledger_stale_since=ledger_stale_since
        )
    if event.order is not None:
        update = event.order
        orders = activity.orders.get(scope, OpenOrders()).with_change(update.order_id, update.is_open, update.as_of)
        activity = replace(activity, orders={**activity.orders, scope: orders})
    return activity


def _with_pairs(
    before: AccountState, activity: ActivityState, snapshot: IsolatedSnapshot, now: datetime
) -> ActivityState:
    known = before.isolated
    for symbol, pair in snapshot.pairs.items():
        scope = Scope(symbol)
        last = known.pairs.get(symbol) if known is not None else None
        old = None if last is None else {side.asset: side for side in (last.base, last.quote)}
        new = {side.asset: side for side in (pair.base, pair.quote)}
        activity = _with_balances(before, activity, scope, old, new, None if known is None else known.as_of, now)
        activity = _with_locked(activity, scope, new.values(), snapshot.as_of)
    return activity


def _with_balances(
    before: AccountState,
    activity: ActivityState,
    scope: Scope,
    old: Mapping[str, Balance] | None,
    new: Mapping[str, Balance],
    since: datetime | None,
    now: datetime,
) -> ActivityState:
    """Record the balances that changed from one snapshot of the scope to the next, and whether anything explains it."""
    if old is None or since is None or old is new:
        return activity
    moved = [asset for asset in old.keys() | new.keys() if _has_moved(old.get(asset), new.get(asset))]
    if not moved:
        return activity
    last_event_at, own = activity.last_event_at, _moved_by_own_intents(before.intents.values(), scope, now)
    unexplained = dict(activity.unexplained)
    for asset in moved:
        reported_at = max(
            (last_event_at[key] for key in ((scope, asset), (scope, ALL_DEBTS)) if key in last_event_at), default=None
        )
        if asset not in own and (reported_at is None or reported_at < since - STREAM_LAG):
            unexplained.setdefault((scope, asset), now)
    return replace(activity, unexplained=unexplained, ledger_stale_since={**activity.ledger_stale_since, scope: now})


def _has_moved(old: Balance | None, new: Balance | None) -> bool:
    """Return whether more than interest changed."""
    if old is None or new is None:
        other = old or new
        return other is not None and bool(other.held or other.borrowed)
    return old is not new and (old.held != new.held or old.borrowed != new.borrowed)


def _moved_by_own_intents(intents: Iterable[Intent], scope: Scope, now: datetime) -> frozenset[str]:
    """Return the assets of the scope that own orders have moved, or may have."""
    found: set[str] = set()
    for intent in intents:
        if intent.submitted_at is None:
            continue
        is_recent = (
            intent.state not in FINAL_STATES or now - (intent.settled_at or intent.submitted_at) <= OWN_ORDER_WINDOW
        )
        from_cross = isinstance(intent.order, Transfer) and intent.order.source == "cross"
        if is_recent and (intent.scope == scope or (from_cross and scope == CROSS)):
            found.add(intent.asset)
            if isinstance(intent.order, Reduce):
                found.add(intent.order.sell_asset)
    return frozenset(found)


def _with_locked(activity: ActivityState, scope: Scope, balances: Iterable[Balance], as_of: datetime) -> ActivityState:
    """Compare the locked amounts with the orders known to be open. If nothing is locked, no order is open."""
    has_locked = any(balance.locked for balance in balances)
    orders = activity.orders.get(scope, OpenOrders())
    if not has_locked and (orders.order_ids or orders.read_at is None or orders.locked_without_orders):
        orders = orders.with_nothing_locked(as_of)
        activity = replace(activity, orders={**activity.orders, scope: orders})
    agrees = orders.matches_locked(has_locked, as_of)
    if agrees == (scope not in activity.order_mismatch):
        return activity
    disagreeing = activity.order_mismatch - {scope} if agrees else activity.order_mismatch | {scope}
    return replace(activity, order_mismatch=disagreeing)


def _may_be_taken(intent: Intent) -> bool:
    """Return whether a movement of others could be taken for the order, unless they are known to act."""
    return intent.is_unnamed and intent.state in (IntentState.UNCERTAIN, IntentState.UNRESOLVED)


def _request_ledger(activity: ActivityState, has_unnamed: bool, now: datetime) -> ActivityState:
    """Request the ledger for changes that stay unexplained after `STREAM_LAG`.

    `has_unnamed`: an order is under way that an equal movement of others could be taken for.
    """
    lags = (activity.watches_foreign_activity or has_unnamed) and any(
        now - since >= STREAM_LAG for since in activity.ledger_stale_since.values()
    )
    if not (activity.unexplained or lags):
        return activity
    due = {key for key, since in activity.unexplained.items() if now - since >= STREAM_LAG}
    if not (due or lags) or (
        activity.ledger_requested_at is not None and now - activity.ledger_requested_at < LEDGER_RETRY
    ):
        return activity
    unexplained = {key: since for key, since in activity.unexplained.items() if key not in due}
    return replace(activity, unexplained=unexplained, ledger_requested_at=now)


def _with_ledger(activity: ActivityState, read: LedgerRead, now: datetime) -> ActivityState:
    moved_at = dict(activity.ledger_stale_since)
    moved = moved_at.get(read.scope)
    if moved is not None and (
        any(row.at >= moved - timedelta(minutes=2) for row in read.rows) or now - moved > LEDGER_LAG
    ):
        del moved_at[read.scope]
    return replace(
        activity,
        ledger_stale_since=moved_at,
        ledger_read_until={**activity.ledger_read_until, read.scope: read.until},
    )
