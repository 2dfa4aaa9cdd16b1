"""Saved state from which the daemon continues after a start."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, func, or_, select, type_coerce, update

from monitor.core.actions.foreign_activity import OWN_PERIOD, SUSPICION_PERIOD
from monitor.core.model.account import DebtKey, InterestPaid, Scope
from monitor.core.model.alert import Alert, AlertState
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import ForeignMovement, Movement
from monitor.core.model.lending_terms import LendingTerms, TermsKey
from monitor.core.notifications.outbox import DeliveryState
from monitor.core.state.peg_history import HISTORY_WINDOW, SLOT_LENGTH, PegHistory, history_from_samples
from monitor.store.readers.interest import read_interest_paid
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import alert_from_row
from monitor.store.writes import intents, movements, record_coverage
from monitor.store.writes.id_allocation import FIRST_MANUAL_INTENT_ID, FIRST_UNRECORDED_ALERT_ID, lowest_free_id


@dataclass(frozen=True, slots=True)
class SavedState:
    """The saved state of one account.

    `alerts` are open, or resolved with deliveries still queued. `intents` are not final, or created, sent or settled in
    the last 24 hours. `interest` sums the charges of 30 days by debt, `pegs` holds the price ratios of a week by asset.
    `terms` are the newest lending terms by kind and subject, `ledger_until` the times of the newest recorded ledger row
    by scope. `foreign_movements` are the foreign activity of the last 24 hours, `own_movements` those of own orders.
    `live_document` is the last status document. `recorded_until` is the end of the record coverage, `gap_movements` are
    the movements found in gaps in the last 24 hours.
    """

    account: str
    alerts: tuple[Alert, ...]
    intents: tuple[Intent, ...]
    interest: Mapping[DebtKey, InterestPaid]
    pegs: Mapping[str, PegHistory]
    terms: Mapping[TermsKey, LendingTerms]
    ledger_until: Mapping[Scope, datetime]
    foreign_movements: tuple[Movement, ...]
    own_movements: tuple[Movement, ...]
    live_document: str | None
    recorded_until: datetime | None
    gap_movements: tuple[ForeignMovement, ...]


@dataclass(frozen=True, slots=True)
class NextIds:
    """The first ids that no alert and no intent of any account has had, in this database or in one before it.

    `unknown_alerts` are the ids of alerts that no recorded alert has, so that whoever gave one can keep it: those above
    the last one that this database knows or, for a daemon that shares it, those of the daemon's own new block.
    """

    alert: int
    intent: int
    unknown_alerts: range


@dataclass(frozen=True, slots=True)
class IdBlock:
    """Ids that belong to one daemon alone: from `first` on, below `alerts_end` and `intents_end`."""

    first: NextIds
    alerts_end: int
    intents_end: int


def load_state(connection: Connection, account: str, now: datetime) -> SavedState:
    """Return the saved state of the account; empty for an account never seen."""
    live = connection.execute(select(tables.live.c.document).where(tables.live.c.account == account)).scalar()
    return SavedState(
        account=account,
        alerts=_open_alerts(connection, account),
        intents=intents.read_recent(connection, account, now),
        interest=read_interest_paid(connection, account, now),
        pegs=_peg_history(connection, account, now),
        terms=movements.read_newest_terms(connection, account),
        ledger_until=movements.read_ledger_until(connection, account),
        foreign_movements=movements.read_foreign_movements(connection, account, now - SUSPICION_PERIOD),
        own_movements=movements.read_own_movements(connection, account, now - OWN_PERIOD),
        live_document=live,
        recorded_until=record_coverage.read_recorded_until(connection, account),
        gap_movements=record_coverage.read_gap_movements(connection, account, now),
    )


def read_next_ids(connection: Connection, now: datetime) -> NextIds:
    """Return the ids to continue with, never below `lowest_free_id`.

    All accounts share them: they must be given out in one place. Manual intents, made beside a daemon that counts in
    its own memory, have ids of another range, and so have those made while the database was not known.
    """
    known = tables.alerts.c.id < FIRST_UNRECORDED_ALERT_ID
    alert = connection.execute(select(func.max(tables.alerts.c.id)).where(known)).scalar()
    own = tables.intents.c.id < FIRST_MANUAL_INTENT_ID
    intent = connection.execute(select(func.max(tables.intents.c.id)).where(own)).scalar()
    least = lowest_free_id(connection, now)
    unknown = range((alert or 0) + 1, sys.maxsize)
    return NextIds(max((alert or 0) + 1, least), max((intent or 0) + 1, least), unknown)


def reserve_ids(connection: Connection, now: datetime, size: int, above: tuple[int, int] = (0, 0)) -> IdBlock:
    """Reserve so many ids of alerts and of intents for the caller, whatever other daemons reserve or use.

    They begin above all that the database knows, and not below `above` (alert, intent): the first ids that the caller
    has not given yet, which a server that lags behind does not know of.
    """
    table = tables.control
    wanted = select(table.c.alert_ids_from, table.c.intent_ids_from).where(table.c.id == 1)
    reserved = connection.execute(wanted.with_for_update()).one()
    free = read_next_ids(connection, now)
    alert = max(reserved.alert_ids_from, free.alert, above[0])
    intent = max(reserved.intent_ids_from, free.intent, above[1])
    ends = {"alert_ids_from": alert + size, "intent_ids_from": intent + size}
    connection.execute(update(table).where(table.c.id == 1).values(ends))
    return IdBlock(NextIds(alert, intent, range(alert, alert + size)), alert + size, intent + size)


def _open_alerts(connection: Connection, account: str) -> tuple[Alert, ...]:
    alerts, deliveries = tables.alerts, tables.deliveries
    waiting = select(deliveries.c.alert).where(
        deliveries.c.state == DeliveryState.QUEUED, deliveries.c.alert.is_not(None)
    )
    rows = connection.execute(
        select(alerts)
        .where(
            alerts.c.account == account,
            or_(alerts.c.state.in_((AlertState.PENDING, AlertState.FIRING)), alerts.c.id.in_(waiting)),
        )
        .order_by(alerts.c.id)
    )
    return tuple(alert_from_row(row) for row in rows.mappings())


def _peg_history(connection: Connection, account: str, now: datetime) -> Mapping[str, PegHistory]:
    """Return the recorded ratios of a week, one for every ten minutes: the last."""
    series, samples = tables.series, tables.samples
    found = connection.execute(
        select(series.c.id, series.c.subject).where(series.c.account == account, series.c.metric == "peg_ratio")
    )
    pegs: dict[str, PegHistory] = {}
    for row in found.all():
        span = (samples.c.series == row.id, samples.c.at >= now - HISTORY_WINDOW)
        slot = type_coerce(samples.c.at, BigInteger) // (SLOT_LENGTH // timedelta(milliseconds=1))
        last = select(func.max(samples.c.at)).where(*span).group_by(slot)
        points = connection.execute(
            select(samples.c.at, samples.c.value)
            .where(samples.c.series == row.id, samples.c.at.in_(last))
            .order_by(samples.c.at)
        )
        pegs[row.subject] = history_from_samples([(point.at, point.value) for point in points], now)
    return pegs
