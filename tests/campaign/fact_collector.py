"""Reads the facts of a run: the sandbox's books and requests, the daemon's database, what the channel heard."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from monitor.errors import StoreError
from monitor.records.alerts import AlertRow
from monitor.records.intents import IntentRow
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.sandbox.lending.transfers import TRANSFER_KINDS
from monitor.sandbox.server import Sandbox
from monitor.store import commands_in_force
from monitor.store.command_store import ReadStore
from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.intents import read_intents
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import delivery_from_row
from monitor.store.writes import audit, daemon_row
from tests.campaign.judge.disturbances import in_ms
from tests.campaign.judge.facts import (
    AlertFact,
    AssetMovement,
    AuditFact,
    Execution,
    Facts,
    Limits,
    RequestFact,
    RestoreFact,
    RuleStopFact,
    Span,
    money_request_of,
)
from tests.campaign.plan import ACCOUNT, SECOND_KEY

_SPOILING = ("malformed", "status", "cut_before", "cut_after", "apply_late", "hang")
_PARTLY = ("missing_rows", "odd_row")
"""So spoilt, what is left of an answer may be believed: where the rest has no balance, or adds up without it."""
_TRANSFERS = {*TRANSFER_KINDS, "MAIN_ISOLATED_MARGIN", "AUTO_TOP_UP"}


def of_exchange(box: Sandbox, limits: tuple[Limits, ...], heard: Iterable[Mapping[str, Any]]) -> Facts:
    """What the exchange knows, and what people heard. In the exchange's own thread: to look moves its clock."""
    ledger = box.state_dump
    said = list(heard)
    alerts = [each for one in said for each in one.get("alerts", [one])]
    imbalance = ledger["imbalance"]
    assert isinstance(imbalance, dict)
    filled = _trades(box)
    movements = ledger["movements"]
    assert isinstance(movements, list)
    by_others = {request.tran_id for request in box.requests if request.api_key == SECOND_KEY.api_key}
    ours, foreign, elsewhere = _executions(box, movements, by_others)
    return Facts(
        limits=limits,
        requests=tuple(_asked(request, filled) for request in box.requests if request.api_key != SECOND_KEY.api_key),
        executions=ours,
        foreign=foreign,
        foreign_requests=tuple(_asked(one, filled) for one in box.requests if one.api_key == SECOND_KEY.api_key),
        elsewhere=elsewhere,
        liquidated=tuple(row["at"] for row in movements if row["account"] == ACCOUNT and row["by"] == "venue"),
        stirs=tuple(AssetMovement(row["at"], row["asset"]) for row in movements if row["account"] == ACCOUNT),
        heard=frozenset(alert["id"] for alert in alerts if "id" in alert),
        heard_texts=frozenset(text for one in said for text in _texts(one)),
        imbalance=imbalance,
        flipped=tuple(_flipped(box)),
    )


def with_database(facts: Facts, database: Path) -> Facts:
    """The facts, and what the daemon wrote. A database that was never made has nothing in it."""
    try:
        with ReadStore.open(f"sqlite:///{database}") as store:
            return store.read(_of_database, facts)
    except StoreError:
        return facts


def intents_of(database: Path) -> tuple[IntentRow, ...]:
    """All intents that a database holds; none where there is no such database."""
    try:
        with ReadStore.open(f"sqlite:///{database}") as store:
            return tuple(store.read(read_intents, include_final=True))
    except StoreError:
        return ()


def restored(database: Path, at: int) -> RestoreFact:
    """How a database stands right after a backup was put in its place."""
    with ReadStore.open(f"sqlite:///{database}") as store:
        by = store.read(commands_in_force.read_pause)
        return RestoreFact(at, by is not None, by is not None and store.read(_has_paused, by[0]))


def _has_paused(connection: Connection, by: str) -> bool:
    """Whether the trail's newest word of a pause is that this person ordered it."""
    table = tables.audit
    wanted = select(table.c.data).where(table.c.kind == "pause").order_by(table.c.seq.desc()).limit(1)
    found = connection.execute(wanted).scalar()
    said = {} if found is None else json.loads(found)
    return said.get("paused") is True and said.get("by") == by


def _of_database(connection: Connection, facts: Facts) -> Facts:
    rows = read_intents(connection, include_final=True)
    table = tables.deliveries
    notices = connection.execute(select(table).where(table.c.reason == "notice")).mappings()
    return replace(
        facts,
        intents=tuple(sorted(rows, key=lambda row: row.intent.id)),
        trail=tuple(flaw.message for flaw in audit.verify_trail(connection).problems),
        alerts=tuple(map(_alert, read_alerts(connection, include_closed=True))),
        notices=tuple(delivery_from_row(row) for row in notices),
        stops=tuple(_stops(connection)),
        order=tuple(_order(connection, rows)),
        judged=_judged(connection),
        runs=tuple(Span(in_ms(since), in_ms(until)) for since, until in daemon_row.read_runs(connection)),
    )


def _stops(connection: Connection) -> Iterable[RuleStopFact]:
    for row in connection.execute(select(tables.rule_stops).order_by(tables.rule_stops.c.id)):
        until = None if row.lifted_at is None else in_ms(row.lifted_at)
        yield RuleStopFact(row.rule, row.intent, in_ms(row.at), until, row.lifted_by)


def _order(connection: Connection, intents: Iterable[IntentRow]) -> Iterable[AuditFact]:
    """The claims, and the stops of rules, as the trail has them one after the other."""
    rules = {row.id: row.rule for row in connection.execute(select(tables.alerts.c.id, tables.alerts.c.rule))}
    by_intent = {row.intent.id: rules.get(row.intent.alert or 0, "") for row in intents}
    table = tables.audit
    wanted = select(table.c.kind, table.c.intent, table.c.data).where(table.c.kind.in_(("step", "stop")))
    for row in connection.execute(wanted.order_by(table.c.seq)):
        said = json.loads(row.data)
        if row.kind == "stop":
            yield AuditFact("stopped" if said["stopped"] else "resumed", said["rule"], row.intent)
        elif said["to"] == "SUBMITTING":
            yield AuditFact("claimed", by_intent.get(row.intent, ""), row.intent)


def _judged(connection: Connection) -> Mapping[int, int]:
    """When each order that awaited its judgement got it."""
    table, waiting, judged = tables.audit, set[int](), dict[int, int]()
    wanted = select(table.c.at, table.c.intent, table.c.data).where(table.c.kind.in_(("step", "amended")))
    for row in connection.execute(wanted.order_by(table.c.seq)):
        if json.loads(row.data)["intent"].get("awaits_judgement"):
            waiting.add(row.intent)
        elif row.intent in waiting:
            waiting.remove(row.intent)
            judged[row.intent] = in_ms(row.at)
    return judged


def _alert(row: AlertRow) -> AlertFact:
    alert = row.alert
    quieted = alert.silenced_by is not None or alert.inhibited_by is not None
    return AlertFact(
        alert.id,
        alert.key.rule,
        alert.severity,
        alert.state,
        alert.fired_at is not None,
        quieted,
        row.deliveries,
    )


def _asked(request: ReceivedRequest, filled: Mapping[str, Decimal]) -> RequestFact:
    """An order on the market was carried out when any of it was filled."""
    wish = money_request_of(request.method, request.path, request.params)
    is_trade = wish is not None and wish.kind == "reduce"
    return RequestFact(
        request.at,
        request.method,
        request.path,
        wish,
        request.status,
        request.applied and (not is_trade or wish is None or filled.get(wish.name, Decimal(0)) > 0),
        request.fault not in _SPOILING or request.form in _PARTLY,
        request.account,
        int(request.params.get("timestamp", "0")) if wish is not None else 0,
        request.taken,
    )


def _executions(
    box: Sandbox, movements: Iterable[Mapping[str, Any]], by_others: Collection[int]
) -> tuple[tuple[Execution, ...], tuple[Execution, ...], tuple[Execution, ...]]:
    """What our keys moved in the account, what others did there, and what a key moved in another account.

    Trades apart: those are known by the order's name. Each transfer is one posting in the books, in the same order.
    """
    accounts = box.venue.accounts.values()
    by_itself = {loan.tran_id for account in accounts for loan in account.loans if loan.kind == "AUTO"}
    left = iter(_left_after_transfers(box))
    ours: list[Execution] = []
    foreign: list[Execution] = []
    elsewhere: list[Execution] = []
    for row in movements:
        remains = next(left) if row["kind"] == "transfer" else None
        if row["kind"] == "trade" or row["by"] == "venue" or row["tran_id"] in by_itself:
            continue
        shown = remains if row["source"] in ("spot", "funding") else None
        moved = Execution(row["at"], row["kind"], row["asset"], Decimal(row["amount"]), row["tran_id"], shown)
        if row["account"] != ACCOUNT:
            elsewhere.append(moved)
        elif row["by"] == "api" and row["tran_id"] not in by_others:
            ours.append(moved)
        else:
            foreign.append(moved)
    return tuple(ours), tuple(foreign), tuple(elsewhere)


def _flipped(box: Sandbox) -> Iterable[str]:
    """Every scope begins long of its BTC, and nobody trades it but the key; a liquidation is the exchange's own."""
    for account in box.venue.accounts.values():
        if account.name == ACCOUNT and not account.liquidation_summaries:
            for margin in (account.cross, *account.isolated.values()):
                net = margin.wallet.balances["BTC"].net if "BTC" in margin.wallet.balances else Decimal(0)
                if net < 0:
                    yield f"{margin.symbol or 'cross'} BTC {net}"


def _trades(box: Sandbox) -> Mapping[str, Decimal]:
    """By the name that an order bears, how much of it was filled."""
    return {
        order.client_id: order.executed for account in box.venue.accounts.values() for order in account.orders.values()
    }


def _left_after_transfers(box: Sandbox) -> list[Decimal]:
    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    left: list[Decimal] = []
    for entry in box.venue.ledger.entries:
        held[entry.source, entry.asset] -= entry.amount
        held[entry.target, entry.asset] += entry.amount
        if entry.memo in _TRANSFERS:
            left.append(held[entry.source, entry.asset])
    return left


def _texts(said: Mapping[str, Any]) -> list[str]:
    """What was said, also without the line that it could not be recorded."""
    text = str(said.get("text", "")).strip()
    return [text, text.rpartition("\n")[0].strip()]
