"""Records produced by activity and reference reads: movements, changed terms, notices."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.events import (
    Event,
    LeverageTiersRead,
    LiquidationsRead,
    ReadFailed,
    StreamEvent,
    ThresholdsRead,
)
from monitor.core.model.intent import Intent
from monitor.core.model.journal import Notice
from monitor.core.model.ledger import ForeignMovement, Movement
from monitor.core.model.lending_terms import LendingTerms, describe_changes
from monitor.core.model.reads import (
    CollateralRatiosRead,
    GapHistoryRead,
    LedgerRead,
    ListingScheduleRead,
    OrderUpdate,
    TransfersRead,
)
from monitor.core.state.account_state import AccountState
from monitor.core.state.attribution import (
    attribute_daemon_order,
    attribute_ledger_rows,
    attribute_transfers,
    liquidation_movements,
)
from monitor.core.state.foreign_movements import is_daemon_client_id
from monitor.core.state.record_coverage import (
    NOTIFY_AFTER_FAILURES,
    RecordCoverage,
    closes_gap,
    count_failure,
    exclude_known,
    find_unexplained,
    gap_movements_text,
    gap_unread_text,
    second_read_abandoned_text,
)
from monitor.core.state.reference_update import new_terms


@dataclass(frozen=True, slots=True)
class ActivityRecords:
    """The records of one event."""

    movements: tuple[Movement, ...] = ()
    terms: tuple[LendingTerms, ...] = ()
    notices: tuple[Notice, ...] = ()
    gap_movements: tuple[ForeignMovement, ...] = ()
    known_until: datetime | None = None


NO_RECORDS = ActivityRecords()


def collect_activity(before: AccountState, event: Event, channels: tuple[str, ...], now: datetime) -> ActivityRecords:
    """Return the records of `event` that were not known `before`; `channels` are notified of changed terms."""
    match event:
        case LedgerRead(rows=rows, repayments=repayments):
            return ActivityRecords(movements=attribute_ledger_rows(rows, repayments, _account_intents(before), now))
        case TransfersRead(transfers=transfers):
            return ActivityRecords(movements=attribute_transfers(transfers, _account_intents(before), now))
        case StreamEvent(order=OrderUpdate() as update) if is_daemon_client_id(update.client_id):
            return ActivityRecords(movements=attribute_daemon_order(event.scope, update, _account_intents(before), now))
        case LiquidationsRead(liquidations):
            return ActivityRecords(movements=liquidation_movements(liquidations, now))
        case GapHistoryRead(until=until):
            new = exclude_known(
                find_unexplained(event, _account_intents(before), now), before.record_coverage.gap_movements
            )
            said = (
                (Notice("warning", gap_movements_text(before.account, new), channels, now),) if new and channels else ()
            )
            known_until = until if closes_gap(before.record_coverage, event, now) else None
            return ActivityRecords(gap_movements=new, known_until=known_until, notices=said)
        case ReadFailed(read="record", cause=cause) if channels:
            return ActivityRecords(
                notices=_failure_notices(before, count_failure(before.record_coverage, cause), channels, now)
            )
        case ThresholdsRead() | LeverageTiersRead() | CollateralRatiosRead() | ListingScheduleRead():
            terms = new_terms(before, event, now)
            texts = describe_changes(before.reference.terms, terms) if channels else ()
            return ActivityRecords(
                terms=terms,
                notices=tuple(Notice("warning", f"{before.account}: {text}", channels, now) for text in texts),
            )
        case _:
            return NO_RECORDS


def _failure_notices(
    before: AccountState, coverage: RecordCoverage, channels: tuple[str, ...], now: datetime
) -> tuple[Notice, ...]:
    """Return the notice that a gap can't be read, or that its second read is given up; each is sent once."""
    if coverage.is_failing and not before.record_coverage.is_failing:
        return (Notice("critical", gap_unread_text(before.account, coverage), channels, now),)
    if coverage.gap_since is None and coverage.failures == NOTIFY_AFTER_FAILURES:
        return (Notice("warning", second_read_abandoned_text(before.account, coverage), channels, now),)
    return ()


def _account_intents(state: AccountState) -> tuple[Intent, ...]:
    """Return all intents of the account in this record, also those under other account names."""
    return (*state.intents.values(), *state.sibling_intents)
