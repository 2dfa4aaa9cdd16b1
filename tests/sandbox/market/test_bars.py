"""Hourly bars of the sandbox: those of its own price path, a past that is always the same, and given ones."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.price_path import SimPriceBar, SimPricePath
from monitor.sandbox.user_actions import UserActions
from tests.support.sandbox import RunningSandbox, sandbox

D = Decimal
START = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1000
HOUR_MS = 3_600_000
NOON = START_MS - HOUR_MS // 2
PATH = SimPricePath([(START_MS, D(100)), (START_MS + HOUR_MS, D(160)), (START_MS + 2 * HOUR_MS, D(40))])
SCENARIO = replace(calm_scenario(), start=START, paths={"SOLUSDT": PATH})


@pytest.fixture
async def box() -> AsyncIterator[RunningSandbox]:
    async with sandbox(SCENARIO, frozen=True) as running:
        yield running


@pytest.fixture
def user(box: RunningSandbox) -> UserActions:
    return box.sandbox.user_actions


async def ask(box: RunningSandbox, status: int = 200, **params: object) -> Any:
    """The answer to a request for bars, of one hour each unless told otherwise."""
    query = {name: str(value) for name, value in {"interval": "1h", **params}.items()}
    url = f"{box.ready.rest_url}/api/v3/klines"
    async with aiohttp.ClientSession() as session, session.get(url, params=query) as answer:
        assert answer.status == status
        return await answer.json()


def figures(row: list[Any]) -> list[Decimal]:
    return [D(text) for text in row[1:5]]


async def test_bars_since_the_start_are_those_of_the_price_path(box: RunningSandbox, user: UserActions) -> None:
    user.advance(2 * 3600)
    rows = await ask(box, symbol="SOLUSDT", limit=3)
    assert [row[0] for row in rows] == [NOON, NOON + HOUR_MS, NOON + 2 * HOUR_MS]
    # From 12:30 to 13:00 half of the way up; then the top at 13:30; the hour since 14:00 is not over.
    assert [figures(row) for row in rows] == [
        [D(100), D("129.98"), D(100), D("129.98")],
        [D(130), D(160), D("100.03"), D("100.03")],
        [D(100), D(100), D(40), D(40)],
    ]
    assert [row[6] - row[0] for row in rows] == [HOUR_MS - 1] * 3
    assert [len(row) for row in rows] == [12] * 3


async def test_set_price_is_in_the_bar_of_its_hour(box: RunningSandbox, user: UserActions) -> None:
    user.advance(1800)
    user.set_price("BTCUSDT", D(50_000))
    user.set_price("BTCUSDT", D(70_000))
    user.advance(3600)
    rows = await ask(box, symbol="BTCUSDT", limit=3)
    assert [figures(row) for row in rows] == [
        [D(60_000)] * 4,
        [D(50_000), D(70_000), D(50_000), D(70_000)],
        [D(70_000)] * 4,
    ]


async def test_past_is_the_same_in_every_run_and_meets_the_start(box: RunningSandbox) -> None:
    rows = await ask(box, symbol="BTCUSDT", endTime=NOON - 1, limit=1000)
    async with sandbox(SCENARIO, frozen=True) as other:
        assert await ask(other, symbol="BTCUSDT", endTime=NOON - 1, limit=1000) == rows
    assert [row[0] for row in rows] == [NOON - HOUR_MS * number for number in range(1000, 0, -1)]
    assert D(rows[-1][4]) == D(60_000)
    assert all(earlier[4] == later[1] for earlier, later in pairwise(rows))
    assert len({row[4] for row in rows}) > 900
    for row in rows:
        opened, high, low, close = figures(row)
        assert 0 < low <= min(opened, close) <= max(opened, close) <= high
        assert abs(close / 60_000 - 1) < D("0.07")


async def test_stable_asset_had_one_price(box: RunningSandbox) -> None:
    rows = await ask(box, symbol="USDCUSDT", limit=100)
    assert {figure for row in rows for figure in figures(row)} == {D(1)}


async def test_default_and_largest_number_of_bars(box: RunningSandbox) -> None:
    assert len(await ask(box, symbol="BTCUSDT")) == 500
    assert len(await ask(box, symbol="BTCUSDT", limit=5000)) == 1000
    (first,) = await ask(box, symbol="BTCUSDT", startTime=0, limit=1)
    assert first[0] == 1_502_942_400_000
    span = await ask(box, symbol="BTCUSDT", startTime=NOON - 3 * HOUR_MS + 1, endTime=NOON)
    assert [row[0] for row in span] == [NOON - 2 * HOUR_MS, NOON - HOUR_MS, NOON]
    days = await ask(box, symbol="BTCUSDT", interval="1d", limit=2)
    assert days[1][0] - days[0][0] == 24 * HOUR_MS


async def test_given_bars_are_the_whole_past_and_may_be_wrong(box: RunningSandbox, user: UserActions) -> None:
    given = [SimPriceBar(NOON - HOUR_MS * ago, D(10), D(8), D(0), D(9), D(ago)) for ago in (9, 4)]
    user.load_bars("SOLUSDT", given)
    rows = await ask(box, symbol="SOLUSDT", startTime=0)
    assert [row[0] for row in rows] == [NOON - 9 * HOUR_MS, NOON - 4 * HOUR_MS, NOON]
    assert figures(rows[0]) == [D(10), D(8), D(0), D(9)]
    assert [D(row[5]) for row in rows[:2]] == [D(9), D(4)]


async def test_halted_symbol_gets_no_bars_until_it_is_traded_again(box: RunningSandbox, user: UserActions) -> None:
    user.set_status("SOLUSDT", "BREAK")
    user.advance(3 * 3600)
    user.set_status("SOLUSDT", "TRADING")
    user.advance(3600)
    rows = await ask(box, symbol="SOLUSDT", startTime=NOON)
    assert [row[0] for row in rows] == [NOON, NOON + 3 * HOUR_MS, NOON + 4 * HOUR_MS]


async def test_pair_without_a_price_of_its_own_follows_two_others(box: RunningSandbox, user: UserActions) -> None:
    user.advance(1800)
    user.set_price("BTCUSDT", D(50_000))
    (row,) = await ask(box, symbol="ETHBTC", limit=1)
    assert figures(row) == [D("0.06")] * 4


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "NILUSDT"}, -1121),
        ({}, -1102),
        ({"symbol": "BTCUSDT", "interval": "7h"}, -1120),
        ({"symbol": "BTCUSDT", "limit": 0}, -1130),
        ({"symbol": "BTCUSDT", "startTime": "soon"}, -1100),
    ],
)
async def test_request_that_makes_no_sense_is_refused(
    box: RunningSandbox, params: dict[str, object], code: int
) -> None:
    assert (await ask(box, 400, **params))["code"] == code


async def test_admin_of_another_process_gives_bars(box: RunningSandbox) -> None:
    asked = {"symbol": "SOLUSDT", "bars": [[NOON - HOUR_MS, "10", "11", "9", "10", "0"]]}
    async with aiohttp.ClientSession() as session:
        for body, status in ((asked, 200), ({"symbol": "SOLUSDT", "bars": [[1]]}, 400)):
            async with session.post(f"{box.ready.rest_url}/_admin/bars", json=body) as answer:
                assert answer.status == status
    (row, _) = await ask(box, symbol="SOLUSDT", startTime=0)
    assert (row[0], D(row[5])) == (NOON - HOUR_MS, D(0))
