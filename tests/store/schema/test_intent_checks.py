"""The database holds every intent to its life, whoever writes to it and by whatever SQL."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from sqlalchemy import Connection, Executable, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from monitor.core.model.account import CROSS
from monitor.core.model.intent import LEGAL, IntentState
from monitor.core.model.order import Reduce, Repay
from monitor.store.db import connections as opening
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import intent_row
from tests.support.examples.store_rows import NOW, intent

S = IntentState
ANY: Repay | Reduce = Repay(CROSS, "USDT", Decimal(500))
SOLD = Reduce(CROSS, "USDT", Decimal(500), "BTCUSDT", "SELL", Decimal("0.005"), Decimal(99000), "BTC", "mm-1-1")


@pytest.fixture
def plain(database_url: str) -> Iterator[Connection]:
    """A connection of somebody who writes SQL by hand; what it did is taken back."""
    engine = opening.writing_engine(opening.parse_url(database_url))
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def test_the_database_takes_every_legal_step_from_where_an_intent_stands_and_no_other(plain: Connection) -> None:
    taken, moved = set(), set()
    for number, stands in enumerate(IntentState, start=1):
        steps = _walked(plain, number, stands)
        at_it = tables.intents.c.id == number
        assert plain.execute(select(tables.intents.c.state).where(at_it)).scalar() == stands
        for start, end in LEGAL | set(product([stands], IntentState)):
            row = _step_row(number, steps + 1, start, end)
            if _is_taken(plain, insert(tables.intent_transitions), row):
                taken.add((stands, start, end))
        for end in set(IntentState) - {stands}:
            if _is_taken(plain, update(tables.intents).where(at_it).values(state=end)):
                moved.add((stands, end))
    assert taken == {(start, start, end) for start, end in LEGAL if start is not None}
    assert moved == set()


@pytest.mark.parametrize("state", ["SUBMITTING", "CONFIRMED", "FAILED", "NONSENSE", ""])
def test_an_intent_is_born_unsent(plain: Connection, state: str) -> None:
    assert _is_taken(plain, insert(tables.intents), intent_row(intent(1)))
    assert not _is_taken(plain, insert(tables.intents), {**intent_row(intent(1)), "state": state})


def test_an_intent_without_its_birth_takes_no_step(plain: Connection) -> None:
    plain.execute(insert(tables.intents), intent_row(intent(1)))
    for seq in (1, 2):
        sent = _step_row(1, seq, S.PLANNED, S.SUBMITTING)
        assert not _is_taken(plain, insert(tables.intent_transitions), sent)
    assert not _is_taken(plain, insert(tables.intent_transitions), _step_row(2, 1, None, S.PLANNED))


def test_what_an_intent_is_never_changes_and_its_size_not_once_it_is_sent(plain: Connection) -> None:
    for number, (order, stands) in enumerate(product((ANY, SOLD), IntentState), start=1):
        _walked(plain, number, stands, order)
        one = update(tables.intents).where(tables.intents.c.id == number)
        for name in ("account", "scope", "symbol", "asset", "kind", "mode", "action", "order_type", "source", "side"):
            assert not _is_taken(plain, one.values({name: "other"})), name
        assert not _is_taken(plain, one.values(id=99))
        is_unsent = stands in (S.PROPOSED, S.PLANNED)
        for name in ("amount", "amount_usdt", "quantity", "price"):
            assert _is_taken(plain, one.values({name: Decimal(7)})) is is_unsent, (name, stands)
        brought = one.values(amount=Decimal(7), amount_usdt=Decimal(7), settled_at=NOW)
        assert _is_taken(plain, brought) is (is_unsent or order is SOLD), stands
        plain.execute(one.values(settled_at=NOW))
        assert _is_taken(plain, brought) is is_unsent, stands
        assert _is_taken(plain, one.values(evidence="seen later"))


def test_an_intent_can_be_neither_removed_nor_replaced(plain: Connection) -> None:
    _walked(plain, 1, S.CONFIRMED)
    assert not _is_taken(plain, delete(tables.intents))
    if plain.dialect.name == "sqlite":
        replaced = insert(tables.intents).prefix_with("OR REPLACE")
        assert not _is_taken(plain, replaced, intent_row(intent(1)))
        step = {**_step_row(1, 5, S.CONFIRMED, S.FAILED), "id": 1}
        assert not _is_taken(plain, insert(tables.intent_transitions).prefix_with("OR REPLACE"), step)
        return
    for table in ("intents", "intent_transitions", "audit"):
        assert not _is_taken(plain, text(f"TRUNCATE {table} CASCADE"))


def _leads_to(end: IntentState) -> list[IntentState]:
    """The states that an intent goes through to `end`, a shortest way."""
    ways: list[list[IntentState]] = [[S.PROPOSED], [S.PLANNED]]
    while ways[0][-1] is not end:
        ways += [[*ways[0], state] for start, state in sorted(LEGAL, key=str) if start is ways[0][-1]]
        ways.pop(0)
    return ways[0]


def _walked(connection: Connection, number: int, end: IntentState, order: Repay | Reduce = ANY) -> int:
    """How many steps an intent of its own took to `end`, by plain SQL."""
    way = _leads_to(end)
    born = replace(intent(number, way[0]), order=replace(order, asset=f"A{number}"))
    connection.execute(insert(tables.intents), intent_row(born))
    for seq, state in enumerate(way, start=1):
        start = way[seq - 2] if seq > 1 else None
        connection.execute(insert(tables.intent_transitions), _step_row(number, seq, start, state))
    return len(way)


def _step_row(number: int, seq: int, start: IntentState | None, end: IntentState) -> dict[str, object]:
    return {"intent": number, "seq": seq, "from_state": start, "to_state": end, "at": NOW, "note": ""}


def _is_taken(connection: Connection, change: Executable, row: Mapping[str, object] | None = None) -> bool:
    """Whether the database takes a change, which is taken back."""
    with connection.begin_nested() as savepoint:
        try:
            connection.execute(change, row)
        except IntegrityError:
            return False
        finally:
            savepoint.rollback()
    return True
