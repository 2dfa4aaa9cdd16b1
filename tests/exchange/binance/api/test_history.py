"""Reads of whole histories, complete and without repeats wherever windows and pages begin and end."""

import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model.account import Scope
from monitor.errors import ExchangeRefused, ExchangeUnreachable, PayloadRejected
from monitor.exchange.binance.api import history
from monitor.exchange.binance.api.catalogue import FUNCTIONS
from monitor.exchange.binance.api.history import HistoryReader, split_window
from monitor.exchange.binance.api.loans import get_margin_interest_history
from monitor.exchange.binance.api.orders import create_margin_order
from monitor.exchange.binance.api.transfers import transfer_spot_to_margin
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, ApiInterpretations, RequestLimits, initial_balance
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox

D = Decimal
DAYS = 12
SIZES = (2, 3, 7, 1000)
SPEED = 120.0
"""Speed at which a minute of the exchange passes in half a second, so that reads may wait for its next weight."""


WALKED = {
    "get_margin_repay_details": {"asset": "USDT"},
    "get_margin_interest_history": {},
    "query_universal_transfer_history": {"type": "MAIN_MARGIN"},
    "get_margin_transfer_history": {},
    "get_margin_capital_flow": {},
    "get_margin_trades": {"symbol": "BTCUSDT"},
    "get_all_margin_orders": {"symbol": "BTCUSDT"},
}


in_shared_loop = pytest.mark.asyncio(loop_scope="module")
"""Marks the tests of the sandbox that the module shares."""


@dataclass(frozen=True, slots=True)
class PastSandbox:
    """Past events, as the answers to the requests that caused them showed them."""

    world: ConnectedSandbox
    start: datetime
    end: datetime
    known: Mapping[str, set[int]]
    charges: int


SCENARIO = replace(
    calm_scenario(),
    accounts=(
        AccountSpec(
            spot={"USDT": D(100_000)},
            cross={"BTC": initial_balance("5"), "USDT": initial_balance("90000", borrowed="50000")},
        ),
    ),
    limits=RequestLimits(loan_delay_s=0),
)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=[1, pytest.param(2, marks=pytest.mark.slow)])
async def recorded_past(request: pytest.FixtureRequest) -> AsyncIterator[PastSandbox]:
    """Create twelve days of events at random moments, some of them at the same moment."""
    dice = random.Random(request.param)
    async with connected_sandbox(SCENARIO, speed=SPEED) as w:
        start = w.clock.now()
        known: dict[str, set[int]] = {name: set() for name in WALKED}
        for _ in range(25):
            await w.account.sync_clock()
            for _ in range(dice.choice((1, 1, 1, 4))):
                await _make_history_entry(w, dice, known)
            w.sandbox.user_actions.advance(dice.choice((0, 1, 60, 3600, 86_400 * DAYS // 20)))
        await w.account.sync_clock()
        end = w.clock.now()
        yield PastSandbox(w, start, end, known, w.ledger["interest_charges"])


@pytest_asyncio.fixture(loop_scope="module")
async def past_sandbox(recorded_past: PastSandbox) -> PastSandbox:
    """The events of the past, shared by the module: without faults, and with the weight of a new minute."""
    world = recorded_past.world
    world.sandbox.clear_faults()
    world.sandbox.user_actions.advance(60)
    await world.account.sync_clock()
    return recorded_past


async def _make_history_entry(w: ConnectedSandbox, dice: random.Random, known: dict[str, set[int]]) -> None:
    amount = D(dice.randint(1, 50))
    await _make_entry_of(dice.choice(("repay", "transfer", "trade")), w, amount, known)


async def _make_entry_of(what: str, w: ConnectedSandbox, amount: Decimal, known: dict[str, set[int]]) -> None:
    match what:
        case "repay":
            known["get_margin_repay_details"].add(w.sandbox.user_actions.repay("main", "USDT", amount))
        case "transfer":
            sent = await transfer_spot_to_margin(w.account.read_transport, asset="USDT", amount=amount)
            assert sent.content is not None
            known["query_universal_transfer_history"].add(sent.content.tran_id)
        case _:
            placed = await create_margin_order(
                w.account.read_transport, symbol="BTCUSDT", side="SELL", type="MARKET", quantity=D("0.001")
            )
            assert placed.content is not None
            known["get_all_margin_orders"].add(placed.content.order_id)


@in_shared_loop
@pytest.mark.parametrize("name", WALKED)
async def test_every_row_comes_once_at_any_size_of_pages(past_sandbox: PastSandbox, name: str) -> None:
    walks = [[_key(name, row) for row in await _all(past_sandbox, _walk(past_sandbox, name, size))] for size in SIZES]
    assert all(len(set(walk)) == len(walk) for walk in walks)
    assert all(sorted(walk) == sorted(walks[0]) for walk in walks)
    assert walks[0]
    if past_sandbox.known[name]:
        assert {key[0] for key in walks[0]} == past_sandbox.known[name]
    if name == "get_margin_interest_history":
        assert len(walks[0]) == past_sandbox.charges


@in_shared_loop
@pytest.mark.parametrize("name", WALKED)
async def test_adjacent_readers_share_only_rows_on_their_boundary(past_sandbox: PastSandbox, name: str) -> None:
    whole = await _all(past_sandbox, _walk(past_sandbox, name, 7))
    dice = random.Random(name)
    moments = [getattr(row, _history(name).time_field) for row in dice.sample(whole, min(4, len(whole)))]
    moments.append(past_sandbox.start + (past_sandbox.end - past_sandbox.start) * dice.random())
    for moment in moments:
        before = [_key(name, row) for row in await _all(past_sandbox, _walk(past_sandbox, name, 3, until=moment))]
        after = [_key(name, row) for row in await _all(past_sandbox, _walk(past_sandbox, name, 3, since=moment))]
        assert {*before, *after} == {_key(name, row) for row in whole}
        on_it = {
            _key(name, row)
            for row in whole
            if abs(getattr(row, _history(name).time_field) - moment) < timedelta(seconds=1)
        }
        assert set(before) & set(after) <= on_it


@pytest.mark.parametrize("ends", ["included", "left out"])
async def test_a_row_on_the_edge_of_two_windows_comes_once_however_windows_end(ends: Any) -> None:
    async with connected_sandbox(replace(SCENARIO, readings=ApiInterpretations(window_end=ends)), speed=SPEED) as w:
        await w.account.sync_clock()
        known: dict[str, set[int]] = {name: set() for name in WALKED}
        for chosen in ("repay", "transfer", "trade"):
            await _make_entry_of(chosen, w, D(3), known)
        w.sandbox.user_actions.advance(3 * 86_400)
        await w.account.sync_clock()
        end = w.clock.now()
        past = PastSandbox(w, end - timedelta(days=4), end, known, 0)
        for name in WALKED:
            whole = await _all(past, _walk(past, name, 100))
            on_the_edge = getattr(whole[0], _history(name).time_field)
            walk = _walk(past, name, 100, since=on_the_edge - _history(name).max_window)
            assert [_key(name, row) for row in await _all(past, walk)] == [_key(name, row) for row in whole], name


@in_shared_loop
@pytest.mark.parametrize("name", WALKED)
async def test_reader_resumes_after_an_error(past_sandbox: PastSandbox, name: str) -> None:
    whole = [_key(name, row) for row in await _all(past_sandbox, _walk(past_sandbox, name, 3))]
    path = FUNCTIONS[name].endpoint.path
    walk = _walk(past_sandbox, name, 3)
    came: list[Any] = []
    stopped = 0
    while True:
        past_sandbox.world.sandbox.clear_faults()
        spoiled = Fault(what="status", method="GET", path=path, status=400, code=-3026, nth=1 + stopped % 3)
        past_sandbox.world.sandbox.add_fault(spoiled)
        try:
            await _drain(past_sandbox, walk, came)
            break
        except ExchangeRefused:
            stopped += 1
    past_sandbox.world.sandbox.clear_faults()
    assert stopped
    assert [_key(name, row) for row in came] == whole


@in_shared_loop
async def test_rows_come_oldest_first(past_sandbox: PastSandbox) -> None:
    for name in WALKED:
        times = [
            getattr(row, _history(name).time_field) for row in await _all(past_sandbox, _walk(past_sandbox, name, 7))
        ]
        assert times == sorted(times)


@in_shared_loop
async def test_reader_left_early_resumes_with_the_next_row(past_sandbox: PastSandbox) -> None:
    name = "get_margin_interest_history"
    whole = [_key(name, row) for row in await _all(past_sandbox, _walk(past_sandbox, name, 100))]
    walk = _walk(past_sandbox, name, 100)
    first = [_key(name, await anext(walk)) for _ in range(3)]
    assert first + [_key(name, row) async for row in walk] == whole


@given(st.integers(0, 90 * 86400))
def test_windows_cover_everything_and_none_is_too_long(seconds: int) -> None:
    start, span = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=7)
    until = start + timedelta(seconds=seconds)
    found = list(split_window(start, until, span))
    assert (found[0][0], found[-1][1]) == (start, until)
    assert all(end - begin <= span for begin, end in found)
    assert all(found[at][1] == found[at + 1][0] for at in range(len(found) - 1))


CHARGE = (
    '{"rows":[{"txId":1,"interestAccuredTime":1672160400000,"asset":"USDT","principal":"1","interest":"1",'
    '"interestRate":"0.01","type":"PERIODIC","isolatedSymbol":"BNBUSDT"}],"total":1000000}'
)


async def test_endless_history_is_given_up_after_its_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_PAGES", 3)
    path = get_margin_interest_history.endpoint.path
    async with connected_sandbox(faults=[Fault("status", path=path, status=200, body=CHARGE, count=0)]) as w:
        now = w.clock.now()
        walk = HistoryReader(w.account.read_transport, get_margin_interest_history, {}, now - timedelta(days=1), now)
        assert [row.tx_id async for row in walk] == [1]
        assert [request.params["current"] for request in w.requests(path)] == ["1", "2", "3"]


async def test_row_that_fails_its_check_rejects_the_answer() -> None:
    path = get_margin_interest_history.endpoint.path
    async with connected_sandbox(faults=[Fault("status", path=path, status=200, body=CHARGE)]) as w:
        now = w.clock.now()
        with pytest.raises(PayloadRejected, match="a charge of BNBUSDT among those of ETHUSDT") as rejection:
            await w.account.interest.read_charges(Scope("ETHUSDT"), now - timedelta(days=1), now)
        assert rejection.value.payload == CHARGE


def _walk(
    past: PastSandbox, name: str, size: int, *, since: datetime | None = None, until: datetime | None = None
) -> HistoryReader[Any]:
    function: Any = FUNCTIONS[name]
    return HistoryReader(
        past.world.account.read_transport, function, WALKED[name], since or past.start, until or past.end, size=size
    )


async def _all(past: PastSandbox, walk: HistoryReader[Any]) -> list[Any]:
    rows: list[Any] = []
    await _drain(past, walk, rows)
    return rows


async def _drain(past: PastSandbox, walk: HistoryReader[Any], into: list[Any]) -> None:
    """Collect all rows that are left; a used-up minute's weight delays the rest to the next minute."""
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
    return tuple(getattr(row, field) for field in _history(name).key_fields)
