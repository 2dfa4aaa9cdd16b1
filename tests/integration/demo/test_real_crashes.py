"""Real minutes of real crashes: liquidated without help, not with it, and no order moved money twice."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.run import play_scenario
from monitor.sandbox.scenario.builtin import crash_scenario
from monitor.sandbox.scenario.scenario import CROSS_3X, AccountSpec, Scenario, initial_balance
from monitor.sandbox.server import Sandbox
from monitor.view.documents.types.demo import DemoRunName
from tests.support.paths import price_file
from tests.support.throttled_machine import ThrottledMachine

MONEY = ("/sapi/v1/margin/borrow-repay", "/sapi/v1/asset/transfer")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def night_of_2025() -> Scenario:
    """The demo's account on the bars of BTC and SOL of 2025-10-10."""
    bars = {
        "BTCUSDT": price_file("binance_um_BTCUSDT_1m_2025-10-10.csv.gz"),
        "SOLUSDT": price_file("binance_um_SOLUSDT_1m_2025-10-10.csv.gz"),
    }
    return crash_scenario().with_bars(bars)


def noon_of_2021() -> Scenario:
    """One bitcoin against USDT on the bars of 2021-05-19: the level is 1.46 at 38,350 and 1.10 near 28,900."""
    account = AccountSpec(
        name="main",
        spot={"USDT": Decimal(20_000)},
        cross={"BTC": initial_balance("1"), "USDT": initial_balance("600", borrowed="26700")},
        bars=CROSS_3X,
    )
    scenario = Scenario(
        name="noon-2021-05-19",
        start=datetime(2021, 5, 19, 12, 30, tzinfo=UTC),
        accounts=(account,),
        prices={"BTCUSDT": Decimal("38350.26")},
    )
    return scenario.with_bars({"BTCUSDT": price_file("binance_um_BTCUSDT_1m_2021-05-19.csv.gz")})


@pytest.mark.parametrize("story", [night_of_2025, noon_of_2021])
@pytest.mark.parametrize("guarded", [False, True], ids=["unguarded", "guarded"])
async def test_account_survives_a_real_crash_only_with_actions(story: Any, guarded: bool, tmp_path: Path) -> None:
    seen: list[Sandbox] = []
    name: DemoRunName = "guarded" if guarded else "unguarded"
    # A crash of two minutes passes in a second: it waits while this process has no processor.
    machine = ThrottledMachine()
    async with machine.ticking():
        run = await play_scenario(name, story(), tmp_path, 120.0, guarded=guarded, inspect=seen.append, machine=machine)
    (exchange,) = seen
    account: Any = exchange.state_dump["accounts"]["main"]  # type: ignore[index]
    liquidated = [one for one in account["liquidations"] if one["scope"] == "cross"]
    sent = [request for request in exchange.requests if request.method == "POST" and request.path in MONEY]
    if not guarded:
        assert liquidated
        assert run["liquidated_at"] is not None
        assert sent == []
        return
    assert liquidated == []
    assert run["liquidated_at"] is None
    movements: Any = exchange.state_dump["movements"]
    moved = sorted(Decimal(movement["amount"]) for movement in movements if movement["by"] == "api")
    confirmed = [one for one in run["actions"] if one["state"] == "CONFIRMED"]
    assert confirmed
    # Each order moved money exactly once: as many movements as confirmed orders, amount by amount.
    assert moved == sorted(Decimal(one["amount"]) for one in confirmed)
    # On a machine that was busy an order may have been withheld after its claim: that one was not sent.
    claimed = [one for one in run["actions"] if any(step["state"] == "SUBMITTING" for step in one["steps"])]
    submitted = [one for one in claimed if one["state"] != "EXPIRED"]
    assert len(sent) == len(submitted)
