"""What is known of an account's surroundings, and how each event changes that. Part of the account's state."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from monitor.core.model.account import CROSS, Balance, CrossSnapshot, IsolatedSnapshot, Price, Scope
from monitor.core.model.events import (
    AssetMoved,
    BalancesChanged,
    BarsRead,
    CrossRead,
    Event,
    IsolatedRead,
    StreamEvent,
    Tick,
    TiersRead,
)
from monitor.core.model.intent import FINAL, Intent
from monitor.core.model.lending_terms import (
    Terms,
    TermsKind,
    bars_text,
    collateral_text,
    restricted_text,
    seen,
    tiers_text,
)
from monitor.core.model.order import Reduce, Transfer
from monitor.core.model.reads import (
    CollateralRead,
    IndexRead,
    LedgerRead,
    LiquidationLoanRead,
    MarketsRead,
    MinimaRead,
    OrdersRead,
    SchedulesRead,
    TagsRead,
)
from monitor.core.model.symbols import Markets
from monitor.core.state.index_basis import read_index
from monitor.core.state.open_orders import OpenOrders
from monitor.core.state.reference_state import Followed, with_readings

GRACE = timedelta(seconds=5)
"""How late the stream may tell of what a snapshot already showed."""

LOOK_AGAIN = timedelta(minutes=1)
"""What nothing explains causes a read of the ledger at most this often."""

OWN_DOING = timedelta(minutes=2)
"""For this long after it was settled, an order of ours explains what moved."""

LEDGER_LAG = timedelta(hours=3)
"""What moved and did not show in the ledger within this long is not waited for any more."""

INDEX_AGAIN = timedelta(seconds=30)
"""An index that was never matched with a spot price of its moment is asked for again, at most this often."""

DEBTS = ""
"""Stands for all debts of a scope, where the stream does not say which balance it told of."""


class Known(Protocol):
    """What of the account's state this module looks at."""

    @property
    def cross(self) -> CrossSnapshot | None: ...
    @property
    def isolated(self) -> IsolatedSnapshot | None: ...
    @property
    def prices(self) -> Mapping[str, Price]: ...
    @property
    def followed(self) -> Followed: ...
    @property
    def intents(self) -> Mapping[int, Intent]: ...


def follow(before: Known, event: Event, now: datetime) -> Followed:
    """What is known of the surroundings after `event`; `before` is the state that it came into."""
    followed = before.followed
    match event:
        case Tick():
            return _ripened(followed, now)
        case StreamEvent():
            return _told(followed, event)
        case CrossRead(snapshot):
            old = None if before.cross is None else before.cross.balances
            since = None if before.cross is None else before.cross.as_of
            followed = _with_balances(before, followed, CROSS, old, snapshot.balances, since, now)
            if before.prices and followed.index_asked_at is None and any(b.owed for b in snapshot.balances.values()):
                followed = replace(followed, index_asked_at=now)
            return _with_locked(followed, CROSS, snapshot.balances.values(), snapshot.as_of)
        case IsolatedRead(snapshot):
            return _with_pairs(before, followed, snapshot, now)
        case OrdersRead(scope, numbers, as_of, resting):
            orders = followed.orders.get(scope, OpenOrders()).read(numbers, as_of)
            return replace(
                followed,
                orders={**followed.orders, scope: orders},
                resting={**followed.resting, scope: resting},
                disagreeing=followed.disagreeing - {scope},
            )
        case MarketsRead(markets, assets, _):
            return replace(followed, markets=Markets(markets, assets))
        case LedgerRead():
            return _with_ledger(followed, event, now)
        case LiquidationLoanRead():
            return replace(followed, liquidation_loan=event)
        case IndexRead(symbol, price):
            return _with_index(before, followed, symbol, price)
        case SchedulesRead():
            return replace(_with_terms(followed, new_terms(before, event, now)), schedules=event)
        case CollateralRead():
            return replace(_with_terms(followed, new_terms(before, event, now)), collateral=event)
        case MinimaRead(min_repay):
            return replace(followed, min_repay=min_repay)
        case TagsRead():
            return replace(followed, tags=event)
        case BarsRead() | TiersRead():
            return _with_terms(followed, new_terms(before, event, now))
        case _:
            return followed


def new_terms(before: Known, event: Event, now: datetime) -> tuple[Terms, ...]:
    """The terms that the event brings and that are new, or other than known.

    Collateral ratios and restrictions only of what the cross account holds: nobody is told of four hundred others.
    """
    known = before.followed.terms
    cross = before.cross.balances.values() if before.cross is not None else ()
    kind: TermsKind
    match event:
        case BarsRead(bars):
            kind, texts = "bars", {"": bars_text(bars)}
        case TiersRead(symbol, tiers):
            kind, texts = "tiers", {symbol: tiers_text(tiers)}
        case CollateralRead(tiers):
            kind = "collateral"
            texts = {b.asset: collateral_text(tiers.get(b.asset, ())) for b in cross if b.held}
        case SchedulesRead(_, restricted, _):
            kind = "restricted"
            texts = {b.asset: restricted_text(b.asset, restricted) for b in cross if not b.is_zero}
        case _:
            return ()
    return seen(known, kind, texts, now)


def _told(followed: Followed, event: StreamEvent) -> Followed:
    assets: Iterable[str]
    match event.meaning:
        case BalancesChanged(amounts=amounts):
            assets = amounts.keys()
        case AssetMoved(asset=asset):
            assets = (asset,)
        case _ if event.stream == "risk":
            assets = (DEBTS,)
        case _:
            assets = ()
    scope, at = event.scope, event.received_at
    if assets:
        told_at = {**followed.told_at, **{(scope, asset): at for asset in assets}}
        untold = {key: since for key, since in followed.untold.items() if not (key[0] == scope and key[1] in assets)}
        # The risk stream tells of interest too, which is no movement; a new loan shows in the balances.
        moved_at = followed.moved_at if event.stream == "risk" else {**followed.moved_at, scope: at}
        followed = replace(followed, told_at=told_at, untold=untold, moved_at=moved_at)
    if event.order is not None:
        told = event.order
        orders = followed.orders.get(scope, OpenOrders()).changed(told.number, told.is_open, told.as_of)
        followed = replace(followed, orders={**followed.orders, scope: orders})
    return followed


def _with_pairs(before: Known, followed: Followed, snapshot: IsolatedSnapshot, now: datetime) -> Followed:
    known = before.isolated
    for symbol, pair in snapshot.pairs.items():
        scope = Scope(symbol)
        last = known.pairs.get(symbol) if known is not None else None
        old = None if last is None else {side.asset: side for side in (last.base, last.quote)}
        new = {side.asset: side for side in (pair.base, pair.quote)}
        followed = _with_balances(before, followed, scope, old, new, None if known is None else known.as_of, now)
        followed = _with_locked(followed, scope, new.values(), snapshot.as_of)
    return followed


def _with_balances(
    before: Known,
    followed: Followed,
    scope: Scope,
    old: Mapping[str, Balance] | None,
    new: Mapping[str, Balance],
    since: datetime | None,
    now: datetime,
) -> Followed:
    """Notices what moved from one snapshot of the scope to the next, and whether anything explains it."""
    if old is None or since is None or old is new:
        return followed
    moved = [asset for asset in old.keys() | new.keys() if _moved(old.get(asset), new.get(asset))]
    if not moved:
        return followed
    told, own = followed.told_at, _ours(before.intents.values(), scope, now)
    untold = dict(followed.untold)
    for asset in moved:
        heard = max((told[key] for key in ((scope, asset), (scope, DEBTS)) if key in told), default=None)
        if asset not in own and (heard is None or heard < since - GRACE):
            untold.setdefault((scope, asset), now)
    return replace(followed, untold=untold, moved_at={**followed.moved_at, scope: now})


def _moved(old: Balance | None, new: Balance | None) -> bool:
    """Whether more than interest changed."""
    if old is None or new is None:
        other = old or new
        return other is not None and bool(other.held or other.borrowed)
    return old is not new and (old.held != new.held or old.borrowed != new.borrowed)


def _ours(intents: Iterable[Intent], scope: Scope, now: datetime) -> frozenset[str]:
    """The assets of the scope that orders of ours have moved, or may have."""
    found: set[str] = set()
    for intent in intents:
        if intent.submitted_at is None:
            continue
        is_recent = intent.state not in FINAL or now - (intent.settled_at or intent.submitted_at) <= OWN_DOING
        from_cross = isinstance(intent.order, Transfer) and intent.order.source == "cross"
        if is_recent and (intent.scope == scope or (from_cross and scope == CROSS)):
            found.add(intent.asset)
            if isinstance(intent.order, Reduce):
                found.add(intent.order.sells)
    return frozenset(found)


def _with_locked(followed: Followed, scope: Scope, balances: Iterable[Balance], as_of: datetime) -> Followed:
    """Compares what is locked with the orders known to be open. Where nothing is locked, none is."""
    has_locked = any(balance.locked for balance in balances)
    orders = followed.orders.get(scope, OpenOrders())
    if not has_locked and (orders.numbers or orders.read_at is None or orders.none_though_locked):
        orders = orders.nothing_locked(as_of)
        followed = replace(followed, orders={**followed.orders, scope: orders})
    agrees = orders.agrees_with(has_locked, as_of)
    if agrees == (scope not in followed.disagreeing):
        return followed
    disagreeing = followed.disagreeing - {scope} if agrees else followed.disagreeing | {scope}
    return replace(followed, disagreeing=disagreeing)


def _ripened(followed: Followed, now: datetime) -> Followed:
    """After a moment of grace, what nothing explains is looked up in the ledger; unmatched indexes are read again."""
    asked = followed.index_asked_at
    if (asked is None or now - asked >= INDEX_AGAIN) and any(r.is_wanted for r in followed.indexes.values()):
        followed = replace(followed, index_asked_at=now)
    lags = followed.watches_hands and any(now - since >= GRACE for since in followed.moved_at.values())
    if not (followed.untold or lags):
        return followed
    ripe = {key for key, since in followed.untold.items() if now - since >= GRACE}
    if not (ripe or lags) or (followed.asked_at is not None and now - followed.asked_at < LOOK_AGAIN):
        return followed
    untold = {key: since for key, since in followed.untold.items() if key not in ripe}
    return replace(followed, untold=untold, asked_at=now)


def _with_index(before: Known, followed: Followed, symbol: str, index: Price) -> Followed:
    last = followed.indexes.get(symbol)
    # What an open reading gives may turn out to be of two moments: it is nothing to fall back on.
    sure = last.before if last is not None and last.is_open else followed.bases.get(symbol)
    reading = read_index(index, before.prices.get(symbol), sure)
    return with_readings(followed, {symbol: reading})


def _with_ledger(followed: Followed, read: LedgerRead, now: datetime) -> Followed:
    moved_at = dict(followed.moved_at)
    moved = moved_at.get(read.scope)
    if moved is not None and (
        any(row.at >= moved - timedelta(minutes=2) for row in read.rows) or now - moved > LEDGER_LAG
    ):
        del moved_at[read.scope]
    return replace(followed, moved_at=moved_at, ledger_at={**followed.ledger_at, read.scope: read.until})


def _with_terms(followed: Followed, new: tuple[Terms, ...]) -> Followed:
    if not new:
        return followed
    return replace(followed, terms={**followed.terms, **{(terms.kind, terms.subject): terms for terms in new}})
