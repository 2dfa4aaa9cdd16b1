"""After each action the exchange's own level is at the target, or a hair above, over random portfolios."""

import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import read_target
from monitor.core.intents import IntentState
from monitor.sandbox.scenario import Holding, Scenario
from monitor.sandbox.scenarios import calm
from tests.core.actions.samples import reduce_spec, repay_spec, transfer_spec
from tests.runtime.test_executor import level, rig

S = IntentState
D = Decimal
EIGHT = D("1E-8")

Kind = Literal["repay", "repay with what came", "collateral", "sell", "sell what is owed too", "buy back"]
KINDS: tuple[Kind, ...] = ("repay", "repay with what came", "collateral", "sell", "sell what is owed too", "buy back")
DAILY: tuple[Kind, ...] = ("repay", "repay with what came", "collateral", "sell", "buy back")
SPECS: dict[Kind, ActionSpec] = {
    "repay": repay_spec(asset="USDT"),
    "repay with what came": transfer_spec(asset="USDT"),
    "collateral": transfer_spec(asset="USDT", use="collateral"),
    "sell": reduce_spec(asset="USDT"),
    "sell what is owed too": reduce_spec(asset="USDT", sell=("BTC",)),
    "buy back": reduce_spec(asset="ETH"),
}
STEPS = {"repay with what came": 2}


def between(dice: random.Random, low: str, high: str) -> Decimal:
    """Any of a thousand steps between the two."""
    return D(low) + (D(high) - D(low)) * dice.randint(0, 1000) / 1000


def amount(usdt: Decimal, price: Decimal) -> Decimal:
    return (usdt / price).quantize(EIGHT)


def portfolio(kind: Kind, dice: random.Random) -> tuple[Scenario, Decimal]:
    """An account that one order of this kind can bring to the target, and that target."""
    btc, eth = between(dice, "20000", "120000").quantize(D("0.01")), between(dice, "1000", "6000").quantize(D("0.01"))
    # The debt that is made smaller is the larger one, so that it alone reaches the target.
    main, other = between(dice, "4000", "200000"), between(dice, "0", "300")
    now, target = between(dice, "1.2", "1.75"), between(dice, "1.8", "2.2").quantize(D("0.001"))
    owed, held = main + other, now * (main + other)
    rows: dict[str, Holding] = {}
    interest = between(dice, "0", "3").quantize(EIGHT)
    match kind:
        case "repay":
            needed = (target * owed - held) / (target - 1) + 50
            rows["USDT"] = Holding(free=amount(needed, D(1)), borrowed=amount(main, D(1)), interest=interest)
            rows["BTC"] = Holding(free=amount(max(D(0), held - needed), btc))
            rows["ETH"] = Holding(borrowed=amount(other, eth))
        case "buy back":
            rows["USDT"] = Holding(free=amount(held, D(1)), borrowed=amount(other, D(1)))
            rows["ETH"] = Holding(borrowed=amount(main, eth))
        case "sell what is owed too":
            short = main * dice.randint(1, 50) / 1000
            rows["USDT"] = Holding(borrowed=amount(main, D(1)), interest=interest)
            rows["BTC"] = Holding(free=amount(now * (owed + short), btc), borrowed=amount(short, btc))
            rows["ETH"] = Holding(borrowed=amount(other, eth))
        case _:
            rows["USDT"] = Holding(borrowed=amount(main, D(1)), interest=interest)
            rows["BTC"] = Holding(free=amount(held, btc))
            rows["ETH"] = Holding(borrowed=amount(other, eth))
    account = replace(calm().accounts[0], cross=rows, isolated={}, funding={}, spot={"USDT": D(1_000_000)})
    return replace(calm(), accounts=(account,), prices={"BTCUSDT": btc, "ETHUSDT": eth}), target


async def reaches(folder: Path, kind: Kind, seed: int) -> None:
    scenario, target = portfolio(kind, random.Random(f"{kind} {seed}"))
    spec = replace(SPECS[kind], target=read_target(f"margin_level >= {target}"))
    async with rig(folder, spec, scenario=scenario) as running:
        done = await running.settles(STEPS.get(kind, 1))
        assert {intent.state for intent in done} == {S.CONFIRMED}, (kind, seed)
        assert target <= level(running) <= target * D("1.001"), (kind, seed)


@pytest.mark.parametrize("kind", DAILY)
async def test_the_level_is_at_the_target(tmp_path: Path, kind: Kind) -> None:
    await reaches(tmp_path, kind, 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_the_level_is_at_the_target_over_many_portfolios(tmp_path: Path, kind: Kind) -> None:
    for seed in range(1, 61):
        (tmp_path / str(seed)).mkdir()
        await reaches(tmp_path / str(seed), kind, seed)
