"""Walks over the sandbox's histories lose nothing and repeat nothing, wherever windows and pages begin and end."""

import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from monitor.errors import ExchangeRefused, ExchangeUnreachable
from monitor.exchange.binance.api.catalogue import FUNCTIONS
from monitor.exchange.binance.api.history import Walk
from monitor.exchange.binance.api.orders import create_margin_order
from monitor.exchange.binance.api.transfers import transfer_spot_to_margin
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm
from monitor.sandbox.scenario.scenario import AccountSpec, Limits, Readings, holding
from tests.support.connected_sandbox import World, world

D = Decimal
DAYS = 12
SIZES = (2, 3, 7, 1000)
SPEED = 120.0
"""Minutes of the venue pass in half a second, so that a walk may wait for the next minute's weight."""


WALKED = {
    "get_margin_repay_details": {"asset": "USDT"},
    "get_margin_interest_history": {},
    "query_universal_transfer_history": {"type": "MAIN_MARGIN"},
    "get_margin_transfer_history": {},
    "get_margin_capital_flow": {},
    "get_margin_trades": {"symbol": "BTCUSDT"},
    "get_all_margin_orders": {"symbol": "BTCUSDT"},
}


@dataclass(frozen=True, slots=True)
class Past:
    """What happened, as the answers to the requests that caused it had it."""

    world: World
    start: datetime
    end: datetime
    known: Mapping[str, set[int]]
    charges: int


SCENARIO = replace(
    calm(),
    accounts=(
        AccountSpec(
            spot={"USDT": D(100_000)},
            cross={"BTC": holding("5"), "USDT": holding("90000", borrowed="50000")},
        ),
    ),
    limits=Limits(loan_delay_s=0),
)


@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.slow)])
async def past(request: pytest.FixtureRequest) -> AsyncIterator[Past]:
    """Twelve days in which things happen at random moments, some of them at the same one."""
    dice = random.Random(request.param)
    async with world(SCENARIO, speed=SPEED) as w:
        start = w.clock.now()
        known: dict[str, set[int]] = {name: set() for name in WALKED}
        for _ in range(25):
            await w.account.sync_clock()
            for _ in range(dice.choice((1, 1, 1, 4))):
                await _something(w, dice, known)
            w.sandbox.hand.advance(dice.choice((0, 1, 60, 3600, 86_400 * DAYS // 20)))
        await w.account.sync_clock()
        end = w.clock.now()
        yield Past(w, start, end, known, w.ledger["interest_charges"])


async def _something(w: World, dice: random.Random, known: dict[str, set[int]]) -> None:
    amount = D(dice.randint(1, 50))
    await _cause(dice.choice(("repay", "transfer", "trade")), w, amount, known)


async def _cause(what: str, w: World, amount: Decimal, known: dict[str, set[int]]) -> None:
    match what:
        case "repay":
            known["get_margin_repay_details"].add(w.sandbox.hand.repay("main", "USDT", amount))
        case "transfer":
            sent = await transfer_spot_to_margin(w.account.reading, asset="USDT", amount=amount)
            assert sent.content is not None
            known["query_universal_transfer_history"].add(sent.content.tran_id)
        case _:
            placed = await create_margin_order(
                w.account.reading, symbol="BTCUSDT", side="SELL", type="MARKET", quantity=D("0.001")
            )
            assert placed.content is not None
            known["get_all_margin_orders"].add(placed.content.order_id)


@pytest.mark.parametrize("name", WALKED)
async def test_every_row_comes_once_at_any_size_of_pages(past: Past, name: str) -> None:
    walks = [[_key(name, row) for row in await _all(past, _walk(past, name, size))] for size in SIZES]
    assert all(len(set(walk)) == len(walk) for walk in walks)
    assert all(sorted(walk) == sorted(walks[0]) for walk in walks)
    assert walks[0]
    if past.known[name]:
        assert {key[0] for key in walks[0]} == past.known[name]
    if name == "get_margin_interest_history":
        assert len(walks[0]) == past.charges


@pytest.mark.parametrize("name", WALKED)
async def test_walks_that_meet_at_any_moment_share_only_what_lies_on_it(past: Past, name: str) -> None:
    whole = await _all(past, _walk(past, name, 7))
    dice = random.Random(name)
    moments = [getattr(row, _history(name).time) for row in dice.sample(whole, min(4, len(whole)))]
    moments.append(past.start + (past.end - past.start) * dice.random())
    for moment in moments:
        before = [_key(name, row) for row in await _all(past, _walk(past, name, 3, until=moment))]
        after = [_key(name, row) for row in await _all(past, _walk(past, name, 3, since=moment))]
        assert {*before, *after} == {_key(name, row) for row in whole}
        on_it = {
            _key(name, row) for row in whole if abs(getattr(row, _history(name).time) - moment) < timedelta(seconds=1)
        }
        assert set(before) & set(after) <= on_it


@pytest.mark.parametrize("ends", ["included", "left out"])
async def test_a_row_on_the_edge_of_two_windows_comes_once_however_windows_end(ends: Any) -> None:
    async with world(replace(SCENARIO, readings=Readings(window_end=ends)), speed=SPEED) as w:
        await w.account.sync_clock()
        known: dict[str, set[int]] = {name: set() for name in WALKED}
        for chosen in ("repay", "transfer", "trade"):
            await _cause(chosen, w, D(3), known)
        w.sandbox.hand.advance(3 * 86_400)
        await w.account.sync_clock()
        end = w.clock.now()
        past = Past(w, end - timedelta(days=4), end, known, 0)
        for name in WALKED:
            whole = await _all(past, _walk(past, name, 100))
            on_the_edge = getattr(whole[0], _history(name).time)
            walk = _walk(past, name, 100, since=on_the_edge - _history(name).span)
            assert [_key(name, row) for row in await _all(past, walk)] == [_key(name, row) for row in whole], name


@pytest.mark.parametrize("name", WALKED)
async def test_a_walk_goes_on_where_an_error_stopped_it(past: Past, name: str) -> None:
    whole = [_key(name, row) for row in await _all(past, _walk(past, name, 3))]
    path = FUNCTIONS[name].endpoint.path
    walk = _walk(past, name, 3)
    came: list[Any] = []
    stopped = 0
    while True:
        past.world.sandbox.clear_faults()
        spoiled = Fault(what="status", method="GET", path=path, status=400, code=-3026, nth=1 + stopped % 3)
        past.world.sandbox.add_fault(spoiled)
        try:
            await _drain(past, walk, came)
            break
        except ExchangeRefused:
            stopped += 1
    past.world.sandbox.clear_faults()
    assert stopped
    assert [_key(name, row) for row in came] == whole


async def test_rows_come_oldest_first(past: Past) -> None:
    for name in WALKED:
        times = [getattr(row, _history(name).time) for row in await _all(past, _walk(past, name, 7))]
        assert times == sorted(times)


async def test_a_walk_that_is_left_early_goes_on_with_the_next_row(past: Past) -> None:
    name = "get_margin_interest_history"
    whole = [_key(name, row) for row in await _all(past, _walk(past, name, 100))]
    walk = _walk(past, name, 100)
    first = [_key(name, await anext(walk)) for _ in range(3)]
    assert first + [_key(name, row) async for row in walk] == whole


def _walk(
    past: Past, name: str, size: int, *, since: datetime | None = None, until: datetime | None = None
) -> Walk[Any]:
    function: Any = FUNCTIONS[name]
    return Walk(past.world.account.reading, function, WALKED[name], since or past.start, until or past.end, size=size)


async def _all(past: Past, walk: Walk[Any]) -> list[Any]:
    rows: list[Any] = []
    await _drain(past, walk, rows)
    return rows


async def _drain(past: Past, walk: Walk[Any], into: list[Any]) -> None:
    """All rows that are left; when the weight of a minute is used up the walk goes on in the next."""
    while True:
        try:
            async for row in walk:
                into.append(row)  # noqa: PERF401 - what came before an error must be kept
            return
        except ExchangeUnreachable as error:
            assert error.venue_code == -1003
            await past.world.clock.sleep(30)


def _history(name: str) -> Any:
    function: Any = FUNCTIONS[name]
    return function.history


def _key(name: str, row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, one) for one in _history(name).key)
