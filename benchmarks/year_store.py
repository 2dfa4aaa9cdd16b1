"""A store of a year: scopes with samples, interest, alerts, orders and events, the same content at each making."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from sqlalchemy import Connection

from benchmarks.account import watched_state
from monitor import __version__
from monitor.core.model.account import CROSS, Balance, IsolatedPair, IsolatedSnapshot, PairStatus, Scope
from monitor.core.model.alert import Alert, AlertKey, AlertState, AlertTransition, Notification, NotificationReason
from monitor.core.model.events import IsolatedRead, ReadFailed, StreamEvent
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.journal import JournalEntry
from monitor.core.model.ledger import Movement
from monitor.core.model.order import Repay
from monitor.core.notifications.outbox import DeliveryAttempt, DeliveryState
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_update import apply_account_event
from monitor.store.db import connections as opening
from monitor.store.db.prepared_statements import prepare_insert
from monitor.store.db.schema_migration import upgrade
from monitor.store.schema import tables
from monitor.store.writes import daemon_row, interest, journal, outbox
from monitor.view.documents.account import account_document
from monitor.view.json_values import encode_line

ACCOUNT = "main"
ASSETS = ("USDT", "BTC", "ETH", "SOL", "FDUSD")

METRICS = (
    "margin_level", "polled_margin_level", "assets_usdt", "liabilities_usdt", "equity_usdt", "interest_usdt",
    "distance_to_liquidation", "drop_to_liquidation", "rise_to_liquidation", "drop_to_margin_call",
    "time_to_liquidation_by_interest", "margin_level_change_5m", "liquidation_level",
)  # fmt: skip
"""Metrics of each scope."""

OWN_METRICS = ("stream_connected", "clock_offset", "weight_used", "live_drift")
"""Metrics of the daemon."""

_RECENT = timedelta(days=30)
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class YearSize:
    """The size of a store: scopes, samples of all series together, and rows of other kinds over `days`."""

    scopes: int
    samples: int
    days: int = 365
    charges_a_day: int = 24
    alerts: int = 5_000
    orders: int = 500
    events: int = 200_000


FULL = YearSize(300, 5_000_000)
QUICK = YearSize(12, 60_000, charges_a_day=4, alerts=200, orders=40, events=2_000)


def write_year(url: str, size: YearSize, now: datetime, seed: int = 20) -> None:
    """Create the database at `url`, filled with the `size.days` before `now`."""
    upgrade(url)
    parsed = opening.parse_url(url)
    engine = opening.writing_engine(parsed, statement_ms=0)
    chance = Random(seed)
    try:
        for write in (_write_daemon, _write_samples, _write_charges, _write_alerts, _write_orders, _write_events):
            with engine.begin() as connection:
                write(connection, size, now, chance)
        with engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
    finally:
        engine.dispose()


def scope_symbols(count: int) -> list[str]:
    """The pairs of so many scopes, of which the first is cross: no pair."""
    return ["", *(f"P{number:03}USDT" for number in range(count - 1))]


def _write_daemon(connection: Connection, size: YearSize, now: datetime, chance: Random) -> None:
    for day in range(0, size.days, 5):
        began = now - timedelta(days=size.days - day)
        daemon_row.register_daemon(connection, 1000 + day, began, __version__)
        daemon_row.update_last_seen(connection, min(began + timedelta(days=4.99), now))
    journal.commit(connection, JournalEntry(ACCOUNT, now, live=_live_document(size, now)))


def _live_document(size: YearSize, now: datetime) -> str:
    state = watched_state()
    pairs = {
        symbol: IsolatedPair(
            symbol=symbol,
            base=Balance(symbol.removesuffix("USDT"), free=Decimal("2.5")),
            quote=Balance("USDT", borrowed=Decimal(10), interest=Decimal("0.00123")),
            margin_level=Decimal("2.50123456"),
            status=PairStatus.NORMAL,
            index_price=Decimal(10),
            liquidation_price=Decimal("4.4"),
        )
        for symbol in scope_symbols(size.scopes)[1:]
    }
    state = apply_account_event(state, IsolatedRead(IsolatedSnapshot(now, now, pairs)), now)
    return encode_line(account_document(state, AccountSettings(ACCOUNT), now, __version__), str)


def _write_samples(connection: Connection, size: YearSize, now: datetime, chance: Random) -> None:
    """Half of the samples of each series lie in the last month, the others before it."""
    keys = [
        (ACCOUNT, "isolated" if symbol else "cross", symbol, metric)
        for symbol in scope_symbols(size.scopes)
        for metric in METRICS
    ] + [(ACCOUNT, "monitor", "", metric) for metric in OWN_METRICS]
    columns = ("account", "scope", "subject", "metric")
    prepare_insert(tables.series, columns, connection.dialect).run(connection, keys)
    found = connection.execute(tables.series.select().order_by(tables.series.c.id)).all()
    each = max(2, size.samples // len(found))
    write = prepare_insert(tables.samples, journal.SAMPLE_COLUMNS, connection.dialect)
    for series in found:
        write.run(connection, _sample_rows(series.id, each, size, now, chance))


def _sample_rows(
    series: int, count: int, size: YearSize, now: datetime, chance: Random
) -> Iterator[tuple[int, datetime, Decimal, None]]:
    late, early = count // 2, count - count // 2
    value = chance.randrange(1_200_000_000, 3_000_000_000)
    before = (timedelta(days=size.days) - _RECENT) / early
    moments = [now - timedelta(days=size.days) + before * n for n in range(early)]
    moments += [now - _RECENT + _RECENT / late * n for n in range(late)]
    shift = timedelta(seconds=chance.randrange(60))
    for moment in moments:
        value = max(1, value + chance.randrange(-9_000_000, 9_000_001))
        yield series, moment + shift, Decimal(value).scaleb(-9), None


def _write_charges(connection: Connection, size: YearSize, now: datetime, chance: Random) -> None:
    """One charge of each scope at each hour, or as many a day as `size` says."""
    write = prepare_insert(tables.interest, interest.CHARGE_COLUMNS, connection.dialect)
    hour = now.replace(minute=0, second=0, microsecond=0)
    step = timedelta(days=1) / size.charges_a_day
    scopes = [Scope(symbol) for symbol in scope_symbols(size.scopes)]
    for n in reversed(range(size.days * size.charges_a_day)):
        write.run(
            connection,
            (
                (
                    ACCOUNT,
                    scope.kind,
                    scope.symbol,
                    asset,
                    asset,
                    Decimal(1000),
                    amount,
                    rate,
                    "PERIODIC",
                    n,
                    hour - step * n,
                )
                for number, scope in enumerate(scopes)
                for asset in (ASSETS[number % len(ASSETS)],)
                for amount in (Decimal(chance.randrange(1, 999_999)).scaleb(-8),)
                for rate in (Decimal("0.0003"),)
            ),
        )
    for scope in scopes:
        interest.record_charges(connection, ACCOUNT, scope, (), (now - timedelta(days=size.days), now))


def _write_alerts(connection: Connection, size: YearSize, now: datetime, chance: Random) -> None:
    """Alerts with transitions, deliveries to two channels and attempts; every other is acknowledged, ten are open."""
    symbols = scope_symbols(size.scopes)
    for number in range(1, size.alerts + 1):
        since = now - timedelta(days=size.days) * (1 - number / (size.alerts + 1))
        symbol = symbols[chance.randrange(len(symbols))]
        ends = None if number > size.alerts - 10 else since + timedelta(minutes=chance.randrange(1, 90))
        value = Decimal(chance.randrange(11_000, 15_000)).scaleb(-4)
        alert = Alert(
            id=number,
            key=AlertKey("near-call", ACCOUNT, "isolated" if symbol else "cross", symbol),
            state=AlertState.FIRING if ends is None else AlertState.RESOLVED,
            severity="critical" if number % 3 == 0 else "warning",
            since=since,
            when="margin_level < 1.3",
            clear="margin_level > 1.4",
            summary=f"margin level {value}",
            value=value,
            fired_at=since,
            resolved_at=ends,
        )
        steps = [AlertTransition(number, None, AlertState.FIRING, since, value)]
        if ends is not None:
            steps.append(AlertTransition(number, AlertState.FIRING, AlertState.RESOLVED, ends, Decimal("1.41")))
        notices = (Notification(number, NotificationReason.FIRED, alert.severity, ("phone", "mail"), since),)
        entry = JournalEntry(ACCOUNT, since, alerts=(alert,), transitions=tuple(steps), notifications=notices)
        queued = journal.commit(connection, entry).deliveries
        outbox.record_attempts(
            connection,
            tuple(DeliveryAttempt(d.channel, d.key, since, True, "accepted", DeliveryState.SENT) for d in queued),
        )
        if number % 2:
            seen = {"alert": number, "by": "operator", "at": since, "comment": "seen"}
            connection.execute(tables.acks.insert(), seen)


def _write_orders(connection: Connection, size: YearSize, now: datetime, chance: Random) -> None:
    """Orders that were planned and expired, with their audit trail; movements of money as many again, times ten."""
    for number in range(1, size.orders + 1):
        created = now - timedelta(days=size.days) * (1 - number / (size.orders + 1))
        ended = created + timedelta(minutes=2)
        intent = Intent(
            id=number,
            plan=None,
            action="repay-usdt",
            kind="repay",
            mode="live",
            account=ACCOUNT,
            order=Repay(CROSS, "USDT", Decimal(chance.randrange(10, 900))),
            state=IntentState.PLANNED,
            amount_usdt=Decimal(500),
            created_at=created,
        )
        planned = IntentStep(number, None, IntentState.PLANNED, created, "")
        journal.commit(
            connection,
            JournalEntry(
                ACCOUNT, created, intents=(intent,), intent_steps=(planned,), movements=_movements(number, created)
            ),
        )
        journal.record_step_with_notices(
            connection,
            replace(intent, state=IntentState.EXPIRED, settled_at=ended),
            IntentStep(number, IntentState.PLANNED, IntentState.EXPIRED, ended, "no longer wanted"),
        )


def _movements(number: int, at: datetime) -> tuple[Movement, ...]:
    return tuple(
        Movement(
            CROSS, "transfer", f"{number}-{n}", at, at, "USDT", Decimal(100 + n), "ROLL_IN", "another hand", None, {}
        )
        for n in range(10)
    )


def _write_events(connection: Connection, size: YearSize, now: datetime, chance: Random) -> None:
    """Events of the account's stream, one in a thousand rejected, and a failed read for every hundred."""
    step = timedelta(days=size.days) / size.events
    for start in range(0, size.events, 1_000):
        moments = [now - step * (size.events - n) for n in range(start, min(start + 1_000, size.events))]
        events = tuple(
            StreamEvent(
                "account", CROSS, "executionReport", f"key-{start + n}", at, at, '{"e":"executionReport"}',
                rejected="not understood" if n == 0 else None,
            )
            for n, at in enumerate(moments)
        )  # fmt: skip
        failures = tuple(ReadFailed("cross", None, at, "no answer") for at in moments[::100])
        journal.commit(connection, JournalEntry(ACCOUNT, now, events=events, failures=failures))
