"""Balance changes from the user stream since the last snapshot, by scope, and the resulting balances.

Only a read shows debts, and a loan shows its money before its debt. So a change that lowers the level counts at once,
and a change that raises it counts when something explains it: a fill explains both of its sides. An unexplained rise
waits for the read that every event requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import Balance, IsolatedPair, Scope
from monitor.core.model.events import StreamEvent
from monitor.core.model.stream_payloads import BalancesChanged, LiabilityChanged, ReportedLevel, TradeFilled
from monitor.core.numbers.amounts import ZERO

CLOCK_UNCERTAINTY = timedelta(milliseconds=250)
"""Maximum time by which timestamps may lie after the end of a read whose answer still contains the events.

Our knowledge of the exchange's clock is that exact, or as exact as the read was long.
"""

BORROW_EVENT = "BORROW"
"""The only word of a liability event that is documented (2026-11-22)."""

MAX_FILLS = 1000
"""Maximum number of fills since the last read; further fills explain nothing until the next read."""


@dataclass(frozen=True, slots=True)
class StreamBalance:
    """Balance of one asset in the newest event."""

    free: Decimal
    locked: Decimal
    at: datetime

    @property
    def held(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class StreamOverlay:
    """Changes of one scope in events newer than the last read."""

    balances: Mapping[str, StreamBalance] = field(default_factory=dict)
    fills: Mapping[tuple[str, int], TradeFilled] = field(default_factory=dict)
    fill_totals: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """Sum of all fills in base and quote, by symbol."""
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    loans: Mapping[str, datetime] = field(default_factory=dict)
    """Assets with a reported loan, and when."""
    newest_keys: frozenset[str] = frozenset()
    """Keys of the balance events of the newest moment: events of one moment have no other order."""
    read_until: datetime | None = None
    """Events that are not newer than this are in the read."""

    @property
    def newest_at(self) -> datetime | None:
        """Time of the newest event in the overlay; None: no event is newer than the read."""
        times = [position.at for position in self.balances.values()]
        times += [fill.as_of for fill in self.fills.values()]
        return max([*times, *self.loans.values()], default=None)


EMPTY_OVERLAY = StreamOverlay()


def apply_event(overlay: StreamOverlay, event: StreamEvent) -> StreamOverlay:
    """Return the overlay with the event; `overlay` itself when the event has nothing new.

    Late and repeated events change nothing.
    """
    match event.parsed:
        case BalancesChanged() as changed if _is_newer(overlay, changed.as_of):
            return _with_balances(overlay, event.key, changed)
        case TradeFilled() as fill if _is_newer(overlay, fill.as_of) and (fill.symbol, fill.trade) not in overlay.fills:
            return _with_fill(overlay, fill) if len(overlay.fills) < MAX_FILLS else overlay
        case LiabilityChanged(asset, kind, as_of) if kind == BORROW_EVENT and _is_newer(overlay, as_of):
            known = overlay.loans.get(asset)
            return overlay if known is not None and known >= as_of else _with_loan(overlay, asset, as_of)
        case _:
            return overlay


def rebase(overlay: StreamOverlay, as_of: datetime, answered_at: datetime) -> StreamOverlay:
    """Return the rest of the overlay after a read that was requested at `as_of` and answered by `answered_at`.

    An event in between may be in the answer or not; it is dropped as well, because it requests another read.
    """
    until = answered_at + max(CLOCK_UNCERTAINTY, answered_at - as_of)
    left = StreamOverlay(
        balances={asset: position for asset, position in overlay.balances.items() if position.at > until},
        loans={asset: at for asset, at in overlay.loans.items() if at > until},
        newest_keys=overlay.newest_keys,
        read_until=until,
    )
    for fill in overlay.fills.values():
        left = _with_fill(left, fill) if fill.as_of > until else left
    return left


def overlay_balances(snapshot_balances: Mapping[str, Balance], overlay: StreamOverlay) -> Mapping[str, Balance]:
    """Return the balances with the overlay; `snapshot_balances` itself when the overlay changes nothing."""
    if not (overlay.balances or overlay.fills):
        return snapshot_balances
    explained = _fill_deltas(snapshot_balances, overlay)
    unexplained = {
        asset: position.held - _balance_of(snapshot_balances, asset).held - explained.get(asset, ZERO)
        for asset, position in overlay.balances.items()
    }
    loans = {
        asset
        for asset, excess in unexplained.items()
        # A loan was reported, or is proven: more was spent than was there.
        if excess > ZERO and (asset in overlay.loans or overlay.balances[asset].held < excess)
    }
    rising = {
        overlay.balances[asset].at for asset, excess in unexplained.items() if excess > ZERO and asset not in loans
    }
    changed: dict[str, Balance] = {}
    for asset in overlay.balances.keys() | explained.keys():
        before = _balance_of(snapshot_balances, asset)
        position = overlay.balances.get(asset)
        after = _reconcile(
            before,
            before.held + explained.get(asset, ZERO),
            position,
            is_loan=asset in loans,
            is_exchange=position is not None and position.at in rising,
        )
        if after != before:
            changed[asset] = after
    if not changed:
        return snapshot_balances
    return {asset: balance for asset, balance in {**snapshot_balances, **changed}.items() if not balance.is_zero}


def overlay_pair(pair: IsolatedPair, overlay: StreamOverlay) -> IsolatedPair:
    """Return the pair with the overlay; `pair` itself when the overlay changes nothing."""
    before = {side.asset: side for side in (pair.base, pair.quote)}
    after = overlay_balances(before, overlay)
    if after is before:
        return pair
    base, quote = (after.get(asset) or Balance(asset) for asset in before)
    return replace(pair, base=base, quote=quote)


def _reconcile(
    before: Balance, explained: Decimal, position: StreamBalance | None, *, is_loan: bool, is_exchange: bool
) -> Balance:
    """Return one asset's balance, of which `explained` should be held.

    `is_exchange`: another asset rose in the same event.
    """
    unexplained = ZERO if position is None else position.held - explained
    if is_loan:
        return _with_held(before, explained + unexplained, position, more_owed=unexplained)
    if unexplained < ZERO and not is_exchange:
        # Up to the owed amount may have been repaid, which is no loss; the rest can't be a repayment.
        return _with_held(before, explained + min(ZERO, unexplained + before.owed), position)
    if explained < ZERO:
        return _with_held(before, ZERO, position, more_owed=-explained)
    return _with_held(before, explained, position)


def _with_held(before: Balance, held: Decimal, position: StreamBalance | None, more_owed: Decimal = ZERO) -> Balance:
    locked = min(held, before.locked if position is None else position.locked)
    return replace(before, free=held - locked, locked=locked, borrowed=before.borrowed + more_owed)


def _fill_deltas(snapshot_balances: Mapping[str, Balance], overlay: StreamOverlay) -> dict[str, Decimal]:
    """Return the changes of each asset by the fills."""
    known = frozenset({*snapshot_balances, *overlay.balances})
    changes = {asset: -fee for asset, fee in overlay.fees.items() if asset in known}
    for symbol, traded in overlay.fill_totals.items():
        for asset, change in zip(_split_symbol(symbol, known), traded, strict=False):
            changes[asset] = changes.get(asset, ZERO) + change
    return changes


def _split_symbol(symbol: str, assets: frozenset[str]) -> tuple[str, ...]:
    """Return base and quote of a symbol; empty unless both are among the assets.

    A fill changes both, so both are in the overlay or the snapshot.
    """
    return next(
        ((base, symbol[len(base) :]) for base in assets if symbol.startswith(base) and symbol[len(base) :] in assets),
        (),
    )


def _with_fill(overlay: StreamOverlay, fill: TradeFilled) -> StreamOverlay:
    sign = 1 if fill.is_buyer else -1
    base, quote = overlay.fill_totals.get(fill.symbol, (ZERO, ZERO))
    traded = base + sign * fill.quantity, quote - sign * fill.quote_quantity
    fees = overlay.fees
    if fill.commission:
        fees = {**fees, fill.commission_asset: fees.get(fill.commission_asset, ZERO) + fill.commission}
    return replace(
        overlay,
        fills={**overlay.fills, (fill.symbol, fill.trade): fill},
        fill_totals={**overlay.fill_totals, fill.symbol: traded},
        fees=fees,
    )


def _with_balances(overlay: StreamOverlay, key: str, changed: BalancesChanged) -> StreamOverlay:
    newest = max((position.at for position in overlay.balances.values()), default=None)
    if newest == changed.as_of and key in overlay.newest_keys:
        return overlay
    newer = {
        asset: StreamBalance(free, locked, changed.as_of)
        for asset, (free, locked) in changed.amounts.items()
        if asset not in overlay.balances or changed.as_of >= overlay.balances[asset].at
    }
    if newest is None or changed.as_of > newest:
        keys = frozenset({key})
    elif changed.as_of == newest:
        keys = overlay.newest_keys | {key}
    else:
        keys = overlay.newest_keys
    return replace(overlay, balances={**overlay.balances, **newer}, newest_keys=keys)


def _with_loan(overlay: StreamOverlay, asset: str, as_of: datetime) -> StreamOverlay:
    return replace(overlay, loans={**overlay.loans, asset: as_of})


def _is_newer(overlay: StreamOverlay, at: datetime) -> bool:
    return overlay.read_until is None or at > overlay.read_until


def _balance_of(balances: Mapping[str, Balance], asset: str) -> Balance:
    return balances.get(asset) or Balance(asset)


@dataclass(frozen=True, slots=True)
class LiveBalances:
    """Stream overlays since the last reads, and the resulting balances where they differ from the reads."""

    overlays: Mapping[Scope, StreamOverlay] = field(default_factory=dict)
    cross: Mapping[str, Balance] | None = None
    pairs: Mapping[str, IsolatedPair] = field(default_factory=dict)
    notice: ReportedLevel | None = None
    """Cross level that the exchange itself reported, while no read is newer."""
