"""The database holds every intent to its life, whoever writes to it and by whatever SQL."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from sqlalchemy import Connection, Executable, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from monitor.core.model.account import CROSS
from monitor.core.model.intent import LEGAL_TRANSITIONS, IntentState
from monitor.core.model.order import Reduce, Repay
from monitor.store.db import connections as opening
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import row_from_intent
from tests.support.examples.store_rows import NOW, intent

S = IntentState
ANY: Repay | Reduce = Repay(CROSS, "USDT", Decimal(500))
SOLD = Reduce(CROSS, "USDT", Decimal(500), "BTCUSDT", "SELL", Decimal("0.005"), Decimal(99000), "BTC", "mm-1-1")


@pytest.fixture
def raw_connection(database_url: str) -> Iterator[Connection]:
    """A connection of somebody who writes SQL by hand; what it did is taken back."""
    engine = opening.writing_engine(opening.parse_url(database_url))
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def test_database_accepts_exactly_the_legal_transitions(raw_connection: Connection) -> None:
    taken, moved = set(), set()
    for number, stands in enumerate(IntentState, start=1):
        steps = _insert_intent_in_state(raw_connection, number, stands)
        at_it = tables.intents.c.id == number
        assert raw_connection.execute(select(tables.intents.c.state).where(at_it)).scalar() == stands
        for start, end in LEGAL_TRANSITIONS | set(product([stands], IntentState)):
            row = _step_row(number, steps + 1, start, end)
            if _is_accepted(raw_connection, insert(tables.intent_transitions), row):
                taken.add((stands, start, end))
        for end in set(IntentState) - {stands}:
            if _is_accepted(raw_connection, update(tables.intents).where(at_it).values(state=end)):
                moved.add((stands, end))
    assert taken == {(start, start, end) for start, end in LEGAL_TRANSITIONS if start is not None}
    assert moved == set()


@pytest.mark.parametrize("state", ["SUBMITTING", "CONFIRMED", "FAILED", "NONSENSE", ""])
def test_an_intent_is_born_unsent(raw_connection: Connection, state: str) -> None:
    assert _is_accepted(raw_connection, insert(tables.intents), row_from_intent(intent(1)))
    assert not _is_accepted(raw_connection, insert(tables.intents), {**row_from_intent(intent(1)), "state": state})


def test_an_intent_without_its_birth_takes_no_step(raw_connection: Connection) -> None:
    raw_connection.execute(insert(tables.intents), row_from_intent(intent(1)))
    for seq in (1, 2):
        sent = _step_row(1, seq, S.PLANNED, S.SUBMITTING)
        assert not _is_accepted(raw_connection, insert(tables.intent_transitions), sent)
    assert not _is_accepted(raw_connection, insert(tables.intent_transitions), _step_row(2, 1, None, S.PLANNED))


def test_identity_of_an_intent_never_changes_nor_its_size_after_sending(raw_connection: Connection) -> None:
    for number, (order, stands) in enumerate(product((ANY, SOLD), IntentState), start=1):
        _insert_intent_in_state(raw_connection, number, stands, order)
        one = update(tables.intents).where(tables.intents.c.id == number)
        for name in ("account", "scope", "symbol", "asset", "kind", "mode", "action", "order_type", "source", "side"):
            assert not _is_accepted(raw_connection, one.values({name: "other"})), name
        assert not _is_accepted(raw_connection, one.values(id=99))
        is_unsent = stands in (S.PROPOSED, S.PLANNED)
        for name in ("amount", "amount_usdt", "quantity", "price"):
            assert _is_accepted(raw_connection, one.values({name: Decimal(7)})) is is_unsent, (name, stands)
        brought = one.values(amount=Decimal(7), amount_usdt=Decimal(7), settled_at=NOW)
        assert _is_accepted(raw_connection, brought) is (is_unsent or order is SOLD), stands
        raw_connection.execute(one.values(settled_at=NOW))
        assert _is_accepted(raw_connection, brought) is is_unsent, stands
        assert _is_accepted(raw_connection, one.values(evidence="seen later"))


def test_an_intent_can_be_neither_removed_nor_replaced(raw_connection: Connection) -> None:
    _insert_intent_in_state(raw_connection, 1, S.CONFIRMED)
    assert not _is_accepted(raw_connection, delete(tables.intents))
    if raw_connection.dialect.name == "sqlite":
        replaced = insert(tables.intents).prefix_with("OR REPLACE")
        assert not _is_accepted(raw_connection, replaced, row_from_intent(intent(1)))
        step = {**_step_row(1, 5, S.CONFIRMED, S.FAILED), "id": 1}
        assert not _is_accepted(raw_connection, insert(tables.intent_transitions).prefix_with("OR REPLACE"), step)
        return
    for table in ("intents", "intent_transitions", "audit"):
        assert not _is_accepted(raw_connection, text(f"TRUNCATE {table} CASCADE"))


def _path_to(end: IntentState) -> list[IntentState]:
    """The states that an intent goes through to `end`, a shortest way."""
    ways: list[list[IntentState]] = [[S.PROPOSED], [S.PLANNED]]
    while ways[0][-1] is not end:
        ways += [[*ways[0], state] for start, state in sorted(LEGAL_TRANSITIONS, key=str) if start is ways[0][-1]]
        ways.pop(0)
    return ways[0]


def _insert_intent_in_state(connection: Connection, number: int, end: IntentState, order: Repay | Reduce = ANY) -> int:
    """How many steps an intent of its own took to `end`, by plain SQL."""
    way = _path_to(end)
    born = replace(intent(number, way[0]), order=replace(order, asset=f"A{number}"))
    connection.execute(insert(tables.intents), row_from_intent(born))
    for seq, state in enumerate(way, start=1):
        start = way[seq - 2] if seq > 1 else None
        connection.execute(insert(tables.intent_transitions), _step_row(number, seq, start, state))
    return len(way)


def _step_row(number: int, seq: int, start: IntentState | None, end: IntentState) -> dict[str, object]:
    return {"intent": number, "seq": seq, "from_state": start, "to_state": end, "at": NOW, "note": ""}


def _is_accepted(connection: Connection, change: Executable, row: Mapping[str, object] | None = None) -> bool:
    """Whether the database takes a change, which is taken back."""
    with connection.begin_nested() as savepoint:
        try:
            connection.execute(change, row)
        except IntegrityError:
            return False
        finally:
            savepoint.rollback()
    return True
