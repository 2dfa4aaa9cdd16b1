"""What a read of an account's surroundings wants remembered and told: movements, terms, and changes of terms."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.events import BarsRead, Event, LiquidationsRead, ReadFailed, StreamEvent, TiersRead
from monitor.core.model.intent import Intent
from monitor.core.model.journal import Notice
from monitor.core.model.ledger import Foreign, Movement
from monitor.core.model.lending_terms import Terms, changes
from monitor.core.model.reads import CollateralRead, LedgerRead, OrderTold, RecordRead, SchedulesRead, TransfersRead
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply_reference import new_terms
from monitor.core.state.attribution import of_ledger, of_liquidations, of_order, of_transfers
from monitor.core.state.foreign_movements import is_name_of_daemon
from monitor.core.state.record_coverage import (
    TOLD_AFTER,
    OwnRecord,
    closes,
    failed,
    not_among,
    told_found,
    told_unread,
    told_unread_again,
    unexplained,
)


@dataclass(frozen=True, slots=True)
class Chronicle:
    """What there is to remember of one event."""

    movements: tuple[Movement, ...] = ()
    terms: tuple[Terms, ...] = ()
    notices: tuple[Notice, ...] = ()
    found: tuple[Foreign, ...] = ()
    known_until: datetime | None = None


NOTHING = Chronicle()


def chronicle(before: AccountState, event: Event, channels: tuple[str, ...], now: datetime) -> Chronicle:
    """What `event` tells of the surroundings that was not known `before`; `channels` hear of changed terms."""
    match event:
        case LedgerRead(rows=rows, repayments=repayments):
            return Chronicle(movements=of_ledger(rows, repayments, _known(before), now))
        case TransfersRead(transfers=transfers):
            return Chronicle(movements=of_transfers(transfers, _known(before), now))
        case StreamEvent(order=OrderTold() as told) if is_name_of_daemon(told.client_id):
            return Chronicle(movements=of_order(event.scope, told, _known(before), now))
        case LiquidationsRead(liquidations):
            return Chronicle(movements=of_liquidations(liquidations, now))
        case RecordRead(until=until):
            new = not_among(unexplained(event, _known(before), now), before.record.found)
            said = (Notice("warning", told_found(before.account, new), channels, now),) if new and channels else ()
            known_until = until if closes(before.record, event, now) else None
            return Chronicle(found=new, known_until=known_until, notices=said)
        case ReadFailed(read="record", cause=cause) if channels:
            return Chronicle(notices=_of_failure(before, failed(before.record, cause), channels, now))
        case BarsRead() | TiersRead() | CollateralRead() | SchedulesRead():
            terms = new_terms(before, event, now)
            texts = changes(before.followed.terms, terms) if channels else ()
            return Chronicle(
                terms=terms,
                notices=tuple(Notice("warning", f"{before.account}: {text}", channels, now) for text in texts),
            )
        case _:
            return NOTHING


def _of_failure(
    before: AccountState, record: OwnRecord, channels: tuple[str, ...], now: datetime
) -> tuple[Notice, ...]:
    """Said once: that a gap can't be read, or that its second read is given up."""
    if record.is_failing and not before.record.is_failing:
        return (Notice("critical", told_unread(before.account, record), channels, now),)
    if record.open_since is None and record.failures == TOLD_AFTER:
        return (Notice("warning", told_unread_again(before.account, record), channels, now),)
    return ()


def _known(state: AccountState) -> tuple[Intent, ...]:
    """The intents of this record, under whatever name they were made in the account."""
    return (*state.intents.values(), *state.elsewhere)
