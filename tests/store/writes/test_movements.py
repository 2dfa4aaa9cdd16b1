"""What moved is kept once, and the terms last seen come back."""

import json
from dataclasses import replace
from decimal import Decimal

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.journal import JournalEntry
from monitor.core.model.ledger import Movement
from monitor.core.model.lending_terms import LendingTerms
from monitor.store.readers.events import read_movements
from monitor.store.startup import load_state
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW, at

FLOW = Movement(
    scope=CROSS,
    kind="capital-flow",
    key="9",
    at=at(5),
    seen_at=at(60),
    asset="USDT",
    amount=Decimal("500.00000001"),
    type="REPAY",
    origin="exchange",
    detail={"id": 9, "tranId": 77, "note": None},
)


async def test_movement_read_again_is_stored_once(store: Store) -> None:
    pair = replace(FLOW, scope=Scope("BTCUSDT"), key="10", at=at(7))
    await store.commit(JournalEntry("main", NOW, movements=(FLOW,)))
    await store.commit(JournalEntry("main", NOW, movements=(replace(FLOW, origin="ours", intent=3), pair)))
    rows = await store.read(read_movements, kind="capital-flow")
    assert [(row.symbol, row.key, row.event_time) for row in rows] == [("", "9", at(5)), ("BTCUSDT", "10", at(7))]
    told = {"asset": "USDT", "amount": "500.00000001", "type": "REPAY", "origin": "exchange", "intent": None}
    assert json.loads(rows[0].payload) == {**told, "id": 9, "tranId": 77, "note": None}
    assert await store.read(read_movements, kind="transfer") == ()
    assert (await store.load_state("main", NOW)).ledger_until == {CROSS: at(5), Scope("BTCUSDT"): at(7)}


async def test_last_seen_terms_are_loaded(store: Store) -> None:
    first = LendingTerms("collateral", "SOL", "0.95", at(0))
    less, bars = replace(first, text="0.8", seen_at=at(60)), LendingTerms("bars", "", "initial 1.5", at(0))
    await store.commit(JournalEntry("main", NOW, terms=(first, bars)))
    await store.commit(JournalEntry("main", NOW, terms=(less,)))
    assert (await store.read(load_state, "main", NOW)).terms == {("collateral", "SOL"): less, ("bars", ""): bars}
    assert (await store.read(load_state, "other", NOW)).terms == {}
