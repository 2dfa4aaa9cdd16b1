"""Reads that are asked for next: for what an event changed, for what is unexplained, and for actions."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from monitor.core.metrics.valuation import is_fresh, usdt_price
from monitor.core.model.account import Scope
from monitor.core.model.events import (
    CrossRead,
    Event,
    IntentUpdated,
    IsolatedRead,
    LiquidationsRead,
    PricesRead,
    StreamChanged,
    StreamEvent,
    Tick,
)
from monitor.core.model.intent import Intent
from monitor.core.model.order import CancelOrders, Transfer
from monitor.core.model.stream_payloads import BalanceAdjusted, BalancesChanged, MarginNotice, TradeFilled
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import needed_symbols, watched_scopes

NO_READS: frozenset[str] = frozenset()

BALANCE_READS = frozenset({"cross", "isolated"})
"""Reads that report balances and debts."""

RECONCILE_TIMEOUT = timedelta(seconds=5)
"""Minimum time between two reads to reconcile the same events."""

THRESHOLDS_RETRY = timedelta(seconds=10)
"""Minimum time between requests of thresholds that could not be read: expensive reads come with them."""

ACTION_READ_RETRY = timedelta(seconds=5)
"""Time for which a failed read is not requested again for an action."""


def requested_reads(
    before: AccountState,
    after: AccountState,
    event: Event,
    for_actions: frozenset[str],
    settings: AccountSettings,
    now: datetime,
) -> frozenset[str]:
    """Return the reads that should be made as soon as possible: a stream event is reconciled by a read at once.

    `for_actions` are the reads that would help an action, or without which it can't be sized.
    """
    wanted = _reads_after(before, after, event, settings, now)
    if not isinstance(event, PricesRead):
        wanted |= newly_needed_reads(before, after)
    return wanted | _without_recent_failures(after, for_actions, now) if for_actions else wanted


def newly_needed_reads(before: AccountState, after: AccountState) -> frozenset[str]:
    """Return the reads that have become necessary for what nothing else explains."""
    wanted: set[str] = set()
    if after.activity.ledger_requested_at != before.activity.ledger_requested_at:
        wanted.add("capital_flow")
    if after.prices.index_requested_at != before.prices.index_requested_at:
        wanted.add("index")
    if after.activity.order_mismatch - before.activity.order_mismatch:
        wanted.add("orders")
    return frozenset(wanted)


def _without_recent_failures(state: AccountState, reads: frozenset[str], now: datetime) -> frozenset[str]:
    """Drop reads that failed just now: if requested at every price, they would use up the weight that others need."""
    failed_at = state.polling.failed_at
    return frozenset(name for name in reads if name not in failed_at or now - failed_at[name] >= ACTION_READ_RETRY)


def _overdue_reads(state: AccountState, now: datetime) -> frozenset[str]:
    """Return the reads that should have reconciled the stream events by now: the requested read must have failed."""
    overdue: set[str] = set()
    failure = state.polling.last_failure
    for scope, overlay in state.live_balances.overlays.items():
        newest_at = overlay.newest_at
        if newest_at is None:
            continue
        name, snapshot = ("isolated", state.isolated) if scope.symbol else ("cross", state.cross)
        tries = [newest_at, snapshot.received_at if snapshot is not None else newest_at]
        if failure is not None and failure.read == name:
            tries.append(failure.at)
        if now - max(tries) >= RECONCILE_TIMEOUT:
            overdue.add(name)
    return frozenset(overdue)


def _reads_after(
    before: AccountState, after: AccountState, event: Event, settings: AccountSettings, now: datetime
) -> frozenset[str]:
    if isinstance(event, PricesRead):
        return _reads_to_compare(before, after, event.prices, settings, now)
    match event:
        case StreamChanged(stream=stream, connected=connected):
            # A gap of the stream: its events were never delivered.
            if stream == "market" and not connected:
                return BALANCE_READS | {"prices"}
            return BALANCE_READS | {"orders"} if stream == "account" and connected else BALANCE_READS
        case LiquidationsRead(liquidations):
            # A bankrupt liquidation leaves a loan.
            return frozenset(
                {"liquidation_loan"}
                if set(liquidations) - set(before.liquidations.orders if before.liquidations is not None else ())
                else ()
            )
        case IntentUpdated(intent):
            return BALANCE_READS | _reads_after_intent(intent)
        case StreamEvent(scope=scope, parsed=BalancesChanged() | BalanceAdjusted() | TradeFilled() | MarginNotice()):
            return _scope_read(scope)
        case StreamEvent(scope=scope, stream=stream, rejected=rejected) if stream != "market":
            # An unreadable event may have been anything; the risk stream reports debts.
            return _scope_read(scope) if rejected is not None or stream == "risk" else frozenset()
        case Tick():
            return _overdue_reads(after, now)
        case CrossRead() | IsolatedRead():
            return _missing_price_reads(before, after, settings) | _missing_reads(before, after, settings, now)
        case _:
            return frozenset()


def _reads_after_intent(intent: Intent) -> frozenset[str]:
    """Return the reads of other data that an order changes besides the margin accounts."""
    match intent.order:
        case Transfer():
            return frozenset({"spot", "funding"})
        case CancelOrders():
            return frozenset({"orders"})
        case _:
            return frozenset()


def _scope_read(scope: Scope) -> frozenset[str]:
    return frozenset({"isolated" if scope.symbol else "cross"})


def _reads_to_compare(
    before: AccountState, after: AccountState, prices: Iterable[str], settings: AccountSettings, now: datetime
) -> frozenset[str]:
    """Return the reads after which own and polled levels can be compared: prices must be known when a snapshot comes.

    Needed when prices come back, and when the first price is known.
    """
    if not is_fresh(before.prices.newest_at, now, settings.prices_stale_after):
        return BALANCE_READS
    new = {symbol for symbol in prices if symbol not in before.prices.newest}
    if not new:
        return frozenset()
    wanted: set[str] = set()
    if after.cross is not None and any(
        usdt_price(asset, before.prices.newest) is None and usdt_price(asset, after.prices.newest) is not None
        for asset in after.cross.balances
    ):
        wanted.add("cross")
    if after.isolated is not None and new & after.isolated.pairs.keys():
        wanted.add("isolated")
    return frozenset(wanted)


def _missing_price_reads(before: AccountState, after: AccountState, settings: AccountSettings) -> frozenset[str]:
    """Return the price read, if no stream sends prices, or a newly held or owed asset has none yet."""
    market = after.streams.get("market")
    if market is None or not market.connected or not after.prices.newest:
        return frozenset({"prices"})
    lacking = needed_symbols(after, settings) - after.prices.newest.keys()
    return frozenset({"prices"}) if lacking - needed_symbols(before, settings) else frozenset()


def _debts(state: AccountState) -> frozenset[tuple[str, str]]:
    """Return the debts by pair (empty: cross) and asset."""
    owed = {("", b.asset) for b in state.cross.balances.values() if b.borrowed} if state.cross is not None else set()
    for pair in state.isolated.pairs.values() if state.isolated is not None else ():
        owed |= {(pair.symbol, side.asset) for side in (pair.base, pair.quote) if side.borrowed}
    return frozenset(owed)


def _missing_reads(
    before: AccountState, after: AccountState, settings: AccountSettings, now: datetime
) -> frozenset[str]:
    """Return the reads of thresholds and interest for new scopes and debts, or that were never made.

    The read of the key is among them if the key was refused and works now.
    """
    wanted: set[str] = set()
    # Scopes, not rows: the exchange lists pairs that were never created or are disabled, and sends no data of them.
    known, found = ({s.symbol for s in watched_scopes(state, settings) if s.symbol} for state in (before, after))
    if found - known:
        wanted |= {"reference_data", "interest"}
    if _debts(after) - _debts(before):
        # The first hour is charged at borrowing.
        wanted |= {"interest", "interest_rates"}
    lacking = (settings.cross and after.thresholds.cross is None) or found - after.thresholds.tiers.keys()
    failed_at = after.polling.failed_at.get("reference_data")
    if (lacking or _uses_remembered_thresholds(after, settings, found)) and (
        failed_at is None or now - failed_at >= THRESHOLDS_RETRY
    ):
        wanted.add("reference_data")
    if after.keys.is_accepted is False:
        wanted.add("key")
    return frozenset(wanted)


def _uses_remembered_thresholds(state: AccountState, settings: AccountSettings, pairs: AbstractSet[str]) -> bool:
    """Return whether thresholds or tiers in use are those of an earlier run."""
    return any(
        scope.symbol in pairs if scope.symbol else settings.cross for scope in state.thresholds.remembered_scopes
    )
