"""What a read of an account's surroundings wants remembered and told: movements, terms, and changes of terms."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.events import BarsRead, Event, LiquidationsRead, StreamEvent, TiersRead
from monitor.core.followed import new_terms
from monitor.core.foreign import is_name_of_daemon
from monitor.core.intents import Intent
from monitor.core.journal import Notice
from monitor.core.movements import Movement, of_ledger, of_liquidations, of_order, of_transfers
from monitor.core.state import AccountState
from monitor.core.surroundings import CollateralRead, LedgerRead, OrderTold, SchedulesRead, TransfersRead
from monitor.core.terms import Terms, changes


@dataclass(frozen=True, slots=True)
class Chronicle:
    """What there is to remember of one event."""

    movements: tuple[Movement, ...] = ()
    terms: tuple[Terms, ...] = ()
    notices: tuple[Notice, ...] = ()


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
        case BarsRead() | TiersRead() | CollateralRead() | SchedulesRead():
            new = new_terms(before, event, now)
            texts = changes(before.followed.terms, new) if channels else ()
            return Chronicle(
                terms=new,
                notices=tuple(Notice("warning", f"{before.account}: {text}", channels, now) for text in texts),
            )
        case _:
            return NOTHING


def _known(state: AccountState) -> tuple[Intent, ...]:
    """The intents of this record, under whatever name they were made in the account."""
    return (*state.intents.values(), *state.elsewhere)
