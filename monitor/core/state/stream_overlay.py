"""What the account's streams have told of one scope since it was read, and what is held and owed with it.

Only a read tells debts, and a loan shows its money before its debt. So what makes a scope look worse counts at once,
what makes it look better when something explains it: a fill explains both of its sides. What nothing explains waits
for the read that every event asks for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import Balance, IsolatedPair, Scope
from monitor.core.model.events import BalancesChanged, Filled, LiabilityTold, Noticed, StreamEvent
from monitor.core.numbers.amounts import ZERO

DOUBT = timedelta(milliseconds=250)
"""How far past the end of a read the exchange's times may lie and what they date be in it all the same: our knowledge
of its clock is that exact, or as exact as the read was long."""

BORROWED = "BORROW"
"""The only word of a liability event that is documented (2026-11-22)."""

MOST_FILLS = 1000
"""Fills beyond so many since the last read explain nothing: what they did waits for the next one."""


@dataclass(frozen=True, slots=True)
class Position:
    """What the newest event said of one asset."""

    free: Decimal
    locked: Decimal
    at: datetime

    @property
    def held(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class Told:
    """What events newer than the last read have said of one scope."""

    positions: Mapping[str, Position] = field(default_factory=dict)
    fills: Mapping[tuple[str, int], Filled] = field(default_factory=dict)
    traded: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """What all the fills together did to base and quote, by symbol."""
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    borrowed: Mapping[str, datetime] = field(default_factory=dict)
    """The assets of which a loan was told, and when."""
    newest: frozenset[str] = frozenset()
    """The keys of the position events of the newest moment: what came at one moment has no other order."""
    read_until: datetime | None = None
    """What is not newer than this is in the read."""

    @property
    def news_at(self) -> datetime | None:
        """When the newest of it happened; None: nothing is newer than the read."""
        times = [position.at for position in self.positions.values()]
        times += [fill.as_of for fill in self.fills.values()]
        return max([*times, *self.borrowed.values()], default=None)


NOTHING_TOLD = Told()


def heard(told: Told, event: StreamEvent) -> Told:
    """`told` with the event, `told` itself where it says nothing new. Late and repeated events change nothing."""
    match event.meaning:
        case BalancesChanged() as changed if _is_news(told, changed.as_of):
            return _with_positions(told, event.key, changed)
        case Filled() as fill if _is_news(told, fill.as_of) and (fill.symbol, fill.trade) not in told.fills:
            return _with_fill(told, fill) if len(told.fills) < MOST_FILLS else told
        case LiabilityTold(asset, kind, as_of) if kind == BORROWED and _is_news(told, as_of):
            known = told.borrowed.get(asset)
            return told if known is not None and known >= as_of else _with_loan(told, asset, as_of)
        case _:
            return told


def read_again(told: Told, as_of: datetime, answered_at: datetime) -> Told:
    """What is left of `told` after a read that was asked for at `as_of` and answered by `answered_at`.

    What happened meanwhile may be in it or not; it is dropped as well, because its events ask for another read.
    """
    until = answered_at + max(DOUBT, answered_at - as_of)
    left = Told(
        positions={asset: position for asset, position in told.positions.items() if position.at > until},
        borrowed={asset: at for asset, at in told.borrowed.items() if at > until},
        newest=told.newest,
        read_until=until,
    )
    for fill in told.fills.values():
        left = _with_fill(left, fill) if fill.as_of > until else left
    return left


def balances_now(read: Mapping[str, Balance], told: Told) -> Mapping[str, Balance]:
    """What is held and owed with what was told since; `read` itself when that changes nothing."""
    if not (told.positions or told.fills):
        return read
    explained = _explained(read, told)
    odd = {
        asset: position.held - _of(read, asset).held - explained.get(asset, ZERO)
        for asset, position in told.positions.items()
    }
    loans = {
        asset
        for asset, excess in odd.items()
        # Told to be a loan, or proven: more was spent than there was.
        if excess > ZERO and (asset in told.borrowed or told.positions[asset].held < excess)
    }
    rising = {told.positions[asset].at for asset, excess in odd.items() if excess > ZERO and asset not in loans}
    changed: dict[str, Balance] = {}
    for asset in told.positions.keys() | explained.keys():
        before = _of(read, asset)
        position = told.positions.get(asset)
        after = _resolved(
            before,
            before.held + explained.get(asset, ZERO),
            position,
            is_loan=asset in loans,
            is_exchange=position is not None and position.at in rising,
        )
        if after != before:
            changed[asset] = after
    if not changed:
        return read
    return {asset: balance for asset, balance in {**read, **changed}.items() if not balance.is_zero}


def pair_told(read: IsolatedPair, told: Told) -> IsolatedPair:
    """The pair with what was told since; `read` itself when that changes nothing."""
    before = {side.asset: side for side in (read.base, read.quote)}
    after = balances_now(before, told)
    if after is before:
        return read
    base, quote = (after.get(asset) or Balance(asset) for asset in before)
    return replace(read, base=base, quote=quote)


def _resolved(
    before: Balance, explained: Decimal, position: Position | None, *, is_loan: bool, is_exchange: bool
) -> Balance:
    """One asset, of which `explained` should be held; `is_exchange`: something else rose with it in one event."""
    odd = ZERO if position is None else position.held - explained
    if is_loan:
        return _held(before, explained + odd, position, more_owed=odd)
    if odd < ZERO and not is_exchange:
        # As much as is owed may have been repaid, which is no loss; the rest can't.
        return _held(before, explained + min(ZERO, odd + before.owed), position)
    if explained < ZERO:
        return _held(before, ZERO, position, more_owed=-explained)
    return _held(before, explained, position)


def _held(before: Balance, held: Decimal, position: Position | None, more_owed: Decimal = ZERO) -> Balance:
    locked = min(held, before.locked if position is None else position.locked)
    return replace(before, free=held - locked, locked=locked, borrowed=before.borrowed + more_owed)


def _explained(read: Mapping[str, Balance], told: Told) -> dict[str, Decimal]:
    """What the fills did to each asset."""
    known = frozenset({*read, *told.positions})
    changes = {asset: -fee for asset, fee in told.fees.items() if asset in known}
    for symbol, traded in told.traded.items():
        for asset, change in zip(_sides(symbol, known), traded, strict=False):
            changes[asset] = changes.get(asset, ZERO) + change
    return changes


def _sides(symbol: str, assets: frozenset[str]) -> tuple[str, ...]:
    """Base and quote of a symbol, empty unless both are among the assets. A fill changes both, so both are told of."""
    return next(
        ((base, symbol[len(base) :]) for base in assets if symbol.startswith(base) and symbol[len(base) :] in assets),
        (),
    )


def _with_fill(told: Told, fill: Filled) -> Told:
    sign = 1 if fill.is_buyer else -1
    base, quote = told.traded.get(fill.symbol, (ZERO, ZERO))
    traded = base + sign * fill.quantity, quote - sign * fill.quote_quantity
    fees = told.fees
    if fill.commission:
        fees = {**fees, fill.commission_asset: fees.get(fill.commission_asset, ZERO) + fill.commission}
    return replace(
        told,
        fills={**told.fills, (fill.symbol, fill.trade): fill},
        traded={**told.traded, fill.symbol: traded},
        fees=fees,
    )


def _with_positions(told: Told, key: str, changed: BalancesChanged) -> Told:
    newest = max((position.at for position in told.positions.values()), default=None)
    if newest == changed.as_of and key in told.newest:
        return told
    newer = {
        asset: Position(free, locked, changed.as_of)
        for asset, (free, locked) in changed.amounts.items()
        if asset not in told.positions or changed.as_of >= told.positions[asset].at
    }
    if newest is None or changed.as_of > newest:
        keys = frozenset({key})
    elif changed.as_of == newest:
        keys = told.newest | {key}
    else:
        keys = told.newest
    return replace(told, positions={**told.positions, **newer}, newest=keys)


def _with_loan(told: Told, asset: str, as_of: datetime) -> Told:
    return replace(told, borrowed={**told.borrowed, asset: as_of})


def _is_news(told: Told, at: datetime) -> bool:
    return told.read_until is None or at > told.read_until


def _of(read: Mapping[str, Balance], asset: str) -> Balance:
    return read.get(asset) or Balance(asset)


@dataclass(frozen=True, slots=True)
class Picture:
    """What events have told since the last reads, and what that makes of them where it changes anything."""

    told: Mapping[Scope, Told] = field(default_factory=dict)
    cross: Mapping[str, Balance] | None = None
    pairs: Mapping[str, IsolatedPair] = field(default_factory=dict)
    notice: Noticed | None = None
    """The exchange's own word on the cross level, while no read is newer."""
