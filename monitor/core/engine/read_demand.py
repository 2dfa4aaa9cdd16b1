"""Reads that an event calls for."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.core.metrics.valuation import is_fresh, newest_at, price_of
from monitor.core.model.account import Scope
from monitor.core.model.events import (
    ActionSettled,
    AssetMoved,
    BalancesChanged,
    CrossRead,
    Event,
    Filled,
    IsolatedRead,
    LiquidationsRead,
    MarginNotice,
    PricesRead,
    StreamChanged,
    StreamEvent,
    Tick,
)
from monitor.core.model.intent import Intent
from monitor.core.model.order import CancelOrders, Transfer
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.reference_state import Followed
from monitor.core.state.scopes import needed_symbols, scopes

if TYPE_CHECKING:
    from monitor.core.state.account_state import AccountState


PATIENCE = timedelta(seconds=5)
"""Between two tries to read what events told."""


def overdue_reads(state: AccountState, now: datetime) -> frozenset[str]:
    """The reads that should long have settled what events told: the one that was asked for must have failed."""
    overdue: set[str] = set()
    failure = state.last_failure
    for scope, told in state.picture.told.items():
        name, snapshot = ("isolated", state.isolated) if scope.symbol else ("cross", state.cross)
        tries = [told.news_at, snapshot.received_at if snapshot is not None else None]
        if failure is not None and failure.read == name:
            tries.append(failure.at)
        if told.news_at is not None and now - max(at for at in tries if at is not None) >= PATIENCE:
            overdue.add(name)
    return frozenset(overdue)


def newly_wanted(before: Followed, after: Followed) -> frozenset[str]:
    """Reads that have become necessary."""
    wanted: set[str] = set()
    if after.asked_at != before.asked_at:
        wanted.add("capital_flow")
    if after.index_asked_at != before.index_asked_at:
        wanted.add("index")
    if after.disagreeing - before.disagreeing:
        wanted.add("orders")
    return frozenset(wanted)


ACCOUNTS = frozenset({"cross", "isolated"})
"""The reads that tell balances and debts."""
BARS_PAUSE = timedelta(seconds=10)
"""Bars that could not be read are asked for again this often at most: dearer reads come with them."""


def _wants(
    before: AccountState, after: AccountState, event: Event, settings: Settings, now: datetime
) -> frozenset[str]:
    """Reads that the event calls for: what a stream tells is reconciled by a read at once."""
    if after.followed is not before.followed and (necessary := newly_wanted(before.followed, after.followed)):
        return necessary | _called_for(before, after, event, settings, now)
    return _called_for(before, after, event, settings, now)


def _called_for(
    before: AccountState, after: AccountState, event: Event, settings: Settings, now: datetime
) -> frozenset[str]:
    if isinstance(event, PricesRead):
        return _comparable_now(before, after, event.prices, settings, now)
    match event:
        case StreamChanged(stream=stream, connected=connected):
            # A gap: what happened in it was never delivered.
            if stream == "market" and not connected:
                return ACCOUNTS | {"prices"}
            return ACCOUNTS | {"orders"} if stream == "account" and connected else ACCOUNTS
        case LiquidationsRead(liquidations):
            # A bankrupt one leaves a loan.
            return frozenset({"liquidation_loan"} if set(liquidations) - set(before.liquidations or ()) else ())
        case ActionSettled(intent):
            return ACCOUNTS | _touched_by(intent)
        case StreamEvent(scope=scope, meaning=BalancesChanged() | AssetMoved() | Filled() | MarginNotice()):
            return _read_of(scope)
        case StreamEvent(scope=scope, stream=stream, rejected=rejected) if stream != "market":
            # What could not be read may have been anything; the risk stream speaks of debts.
            return _read_of(scope) if rejected is not None or stream == "risk" else frozenset()
        case Tick():
            return overdue_reads(after, now)
        case CrossRead() | IsolatedRead():
            return _unpriced(before, after, settings) | _unknown(before, after, settings, now)
        case _:
            return frozenset()


def _touched_by(intent: Intent) -> frozenset[str]:
    """What else an order changes beside the margin accounts."""
    match intent.order:
        case Transfer():
            return frozenset({"spot", "funding"})
        case CancelOrders():
            return frozenset({"orders"})
        case _:
            return frozenset()


def _read_of(scope: Scope) -> frozenset[str]:
    return frozenset({"isolated" if scope.symbol else "cross"})


def _comparable_now(
    before: AccountState, after: AccountState, prices: Iterable[str], settings: Settings, now: datetime
) -> frozenset[str]:
    """The reads after which own and polled levels can be compared, which needs prices known when a snapshot comes.

    When prices come back, and when one is first known.
    """
    if not is_fresh(newest_at(before), now, settings.prices_stale_after):
        return ACCOUNTS
    new = {symbol for symbol in prices if symbol not in before.prices}
    if not new:
        return frozenset()
    wanted: set[str] = set()
    if after.cross is not None and any(
        price_of(asset, before.prices) is None and price_of(asset, after.prices) is not None
        for asset in after.cross.balances
    ):
        wanted.add("cross")
    if after.isolated is not None and new & after.isolated.pairs.keys():
        wanted.add("isolated")
    return frozenset(wanted)


def _unpriced(before: AccountState, after: AccountState, settings: Settings) -> frozenset[str]:
    """The prices, if no stream brings them, or something new is held or owed that has none yet."""
    market = after.streams.get("market")
    if market is None or not market.connected or not after.prices:
        return frozenset({"prices"})
    lacking = needed_symbols(after, settings) - after.prices.keys()
    return frozenset({"prices"}) if lacking - needed_symbols(before, settings) else frozenset()


def _owed(state: AccountState) -> frozenset[tuple[str, str]]:
    """By pair (empty: cross) and asset."""
    owed = {("", b.asset) for b in state.cross.balances.values() if b.borrowed} if state.cross is not None else set()
    for pair in state.isolated.pairs.values() if state.isolated is not None else ():
        owed |= {(pair.symbol, side.asset) for side in (pair.base, pair.quote) if side.borrowed}
    return frozenset(owed)


def _unknown(before: AccountState, after: AccountState, settings: Settings, now: datetime) -> frozenset[str]:
    """Bars and interest of what is new or was never read; and the key, if it was refused and now serves."""
    wanted: set[str] = set()
    # Scopes, not rows: the venue lists pairs that were never created, or are disabled, and tells nothing of them.
    known, found = ({s.symbol for s in scopes(state, settings) if s.symbol} for state in (before, after))
    if found - known:
        wanted |= {"reference_data", "interest"}
    if _owed(after) - _owed(before):
        # The first hour is charged at borrowing.
        wanted |= {"interest", "interest_rates"}
    lacking = (settings.cross and after.bars is None) or found - after.tiers.keys()
    failed_at = after.failed_at.get("reference_data")
    if (lacking or _rests_on_memory(after, settings, found)) and (failed_at is None or now - failed_at >= BARS_PAUSE):
        wanted.add("reference_data")
    if after.key_accepted is False:
        wanted.add("key")
    return frozenset(wanted)


def _rests_on_memory(state: AccountState, settings: Settings, pairs: AbstractSet[str]) -> bool:
    """Whether bars or tiers in use are those of an earlier run."""
    return any(scope.symbol in pairs if scope.symbol else settings.cross for scope in state.remembered)
