"""How far back the record of an account is whole, and what moved in its gaps that no order of the record explains."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.margin.usdt_prices import price_of
from monitor.core.model.account import Price
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import SAME_MOMENT, Foreign, LedgerRow
from monitor.core.model.reads import RecordRead
from monitor.core.numbers.amounts import ZERO, plain
from monitor.core.state.attribution import of_ledger, of_transfers
from monitor.core.state.foreign_movements import foreign

DAY = timedelta(hours=24)
"""What is older is no matter of any limit."""

RECORD = "record"
"""The name of the reads that close a gap."""

TOLD_AFTER = 3
"""Reads of the gap that fail one after the other until people hear of it: the first ones may only come too early."""

AHEAD = timedelta(seconds=10)
"""A record that reaches further into the future than the clock may be off is not believed."""


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """What the record lacks. `open_since`: what moved since then is not known; None: nothing is lacking.

    `open_until`: from then on everything is recorded again. `failures` are the reads of the gap that failed in a row,
    or the second reads of one that is closed; `cause` is why the last one did. `found` is what moved in gaps of the
    last day and could be the doing of an earlier daemon.
    """

    open_since: datetime | None = None
    open_until: datetime | None = None
    failures: int = 0
    cause: str = ""
    found: tuple[Foreign, ...] = ()

    @property
    def is_failing(self) -> bool:
        return self.open_since is not None and self.failures >= TOLD_AFTER

    @property
    def objection(self) -> str | None:
        """Why nothing may be sent, with what a hand can do; None where the record is whole."""
        if self.open_since is None:
            return None
        since = f"what moved since {self.open_since:%Y-%m-%d %H:%M} UTC"
        if not self.is_failing:
            return f"{since} is being read from the exchange's history; it goes on after that"
        return f"{since} can't be read from the exchange ({self.cause}), so the limits are not known; act by hand"


def begun(known_until: datetime | None, found: tuple[Foreign, ...], now: datetime) -> OwnRecord:
    """The record with which a daemon begins: whatever passed since `known_until` is a gap, of a day at most.

    None, as in a new database or for an account new to it: nothing of the last day is known.
    """
    known = each_once(found)
    if known_until is None or known_until > now + AHEAD:
        return OwnRecord(now - DAY, now, found=known)
    # The exchange may date a thing a moment before we did.
    return OwnRecord(max(now - DAY, min(known_until, now) - SAME_MOMENT), now, found=known)


def reopened(record: OwnRecord, since: datetime, now: datetime) -> OwnRecord:
    """The record with a gap from `since` on, or from earlier where one is open."""
    begins = max(now - DAY, since - SAME_MOMENT)
    if record.open_since is None:
        return OwnRecord(begins, now, found=record.found)
    return replace(record, open_since=min(begins, record.open_since), open_until=now)


def failed(record: OwnRecord, cause: str) -> OwnRecord:
    """The record after a read of its gap, the first or the second one, that gave nothing."""
    return replace(record, failures=record.failures + 1, cause=cause)


def closes(record: OwnRecord, read: RecordRead, now: datetime) -> bool:
    """Whether the read reaches from the beginning of the gap to its end.

    An end that is still to come was taken before the clock was set back.
    """
    since, until = record.open_since, record.open_until
    if since is None or read.since > since:
        return False
    return until is None or until > now or read.until >= until


def with_read(record: OwnRecord, read: RecordRead, intents: Iterable[Intent], now: datetime) -> OwnRecord:
    """The record with what the read tells; the gap is closed where the read spans all of it."""
    known = each_once(one for one in (*record.found, *unexplained(read, intents, now)) if now - one.at < DAY)
    if record.open_since is None or closes(record, read, now):
        return OwnRecord(found=known)
    return replace(record, found=known)


def each_once(found: Iterable[Foreign]) -> tuple[Foreign, ...]:
    """The movements in order, each once, however often it was read: the exchange's number of its row tells it apart.

    One that an older version has recorded has no such number, and goes where the same was read with one.
    """
    every = tuple(found)
    by_key = {(one.kind, one.key): one for one in every if one.key}
    numbered = {_unnumbered(one) for one in by_key.values()}
    older = {_unnumbered(one): one for one in every if not one.key and _unnumbered(one) not in numbered}
    known = (*by_key.values(), *older.values())
    return tuple(sorted(known, key=lambda one: (one.at, one.kind, str(one.scope), one.asset, one.amount, one.key)))


def not_among(found: Iterable[Foreign], known: Iterable[Foreign]) -> tuple[Foreign, ...]:
    """Those of the movements that were read for the first time."""
    keys = {(one.kind, one.key) for one in known}
    return tuple(one for one in found if (one.kind, one.key) not in keys)


def _unnumbered(one: Foreign) -> Foreign:
    """The same movement without what tells it apart from an equal one, and without what only one read may tell."""
    return replace(one, key="", is_certain=False)


def unexplained(read: RecordRead, intents: Iterable[Intent], now: datetime) -> tuple[Foreign, ...]:
    """What an action could have moved in that time, and no intent of the record explains."""
    known = tuple(intents)
    movements = of_transfers(read.transfers, known, now)
    for scope, rows in read.repayments:
        done = tuple(row for row in rows if row.status != "FAILED")
        as_ledger = (
            LedgerRow(scope, int(row.ref), int(row.ref), row.at, row.asset, "REPAY", row.amount) for row in done
        )
        movements += of_ledger(as_ledger, done, known, now)
    # The same thing is read more than once: when, tells nothing.
    return tuple(replace(one, seen_at=one.at) for one in foreign(movements))


def told_found(account: str, found: Iterable[Foreign]) -> str:
    """The notice of what was found."""
    listed = "; ".join(
        f"{_WORDS[one.kind]} {plain(one.amount)} {one.asset}, {one.scope}, {one.at:%H:%M:%S} UTC" for one in found
    )
    return (
        f"{account}: moved while nothing was recorded, and by no order that is known here: {listed}. It counts against "
        "the limits of 24 hours, as if an action had done it."
    )


def told_unread(account: str, record: OwnRecord) -> str:
    """The notice that a gap can't be read."""
    return f"{account}: nothing is sent: {record.objection}. Reading goes on."


def told_unread_again(account: str, record: OwnRecord) -> str:
    """The notice that the second read of a gap is given up."""
    return (
        f"{account}: what the exchange's history shows late of the time before the start can't be read "
        f"({record.cause}), and is not tried again: what moved in the last moments before it may be missing in the "
        "limits of 24 hours; look at the history there."
    )


_WORDS = {"repay": "repaid", "reduce": "repaid by the exchange", "transfer_in": "brought in", "cancel_orders": ""}


@dataclass(frozen=True, slots=True)
class Priced:
    """One movement of a gap, and its worth in USDT; None: there is no price for it."""

    movement: Foreign
    amount_usdt: Decimal | None

    def counted(self, in_asset: str | None) -> Decimal | None:
        """What it takes of limits in this asset, or in USDT where none is named; None: it can't be told."""
        if in_asset is None:
            return self.amount_usdt
        return self.movement.amount if self.movement.asset == in_asset else ZERO


def priced(found: Iterable[Foreign], prices: Mapping[str, Price]) -> tuple[Priced, ...]:
    """What was found, at the present prices."""
    worths = ((one, price_of(one.asset, prices)) for one in found)
    return tuple(Priced(one, None if price is None else one.amount * price) for one, price in worths)
