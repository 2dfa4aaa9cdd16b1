"""After each action the exchange's own level is at the target, or a hair above, over random portfolios."""

import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import parse_sizing_target
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiInterpretations, InitialBalance, PairSpec, Scenario, initial_balance
from tests.runtime.orders.test_executor import level, running_harness
from tests.support.examples.actions import reduce_spec, repay_spec, transfer_spec

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
PAIR_KINDS: tuple[Kind, ...] = ("repay", "repay with what came", "collateral", "sell")
BROUGHT_IN: tuple[Kind, ...] = ("repay with what came", "collateral")
PAIR = "BTCUSDT"


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
    rows: dict[str, InitialBalance] = {}
    interest = between(dice, "0", "3").quantize(EIGHT)
    match kind:
        case "repay":
            needed = (target * owed - held) / (target - 1) + 50
            rows["USDT"] = InitialBalance(free=amount(needed, D(1)), borrowed=amount(main, D(1)), interest=interest)
            rows["BTC"] = InitialBalance(free=amount(max(D(0), held - needed), btc))
            rows["ETH"] = InitialBalance(borrowed=amount(other, eth))
        case "buy back":
            rows["USDT"] = InitialBalance(free=amount(held, D(1)), borrowed=amount(other, D(1)))
            rows["ETH"] = InitialBalance(borrowed=amount(main, eth))
        case "sell what is owed too":
            short = main * dice.randint(1, 50) / 1000
            rows["USDT"] = InitialBalance(borrowed=amount(main, D(1)), interest=interest)
            rows["BTC"] = InitialBalance(free=amount(now * (owed + short), btc), borrowed=amount(short, btc))
            rows["ETH"] = InitialBalance(borrowed=amount(other, eth))
        case _:
            rows["USDT"] = InitialBalance(borrowed=amount(main, D(1)), interest=interest)
            rows["BTC"] = InitialBalance(free=amount(held, btc))
            rows["ETH"] = InitialBalance(borrowed=amount(other, eth))
    account = replace(calm_scenario().accounts[0], cross=rows, isolated={}, funding={}, spot={"USDT": D(1_000_000)})
    return replace(calm_scenario(), accounts=(account,), prices={"BTCUSDT": btc, "ETHUSDT": eth}), target


def pair_portfolio(kind: Kind, dice: random.Random, *, direct: bool) -> tuple[Scenario, Decimal]:
    """A pair that owes USDT and that one order of this kind can bring to the target, and that target.

    Without `direct` money comes in over cross, where nothing is owed, so that it can leave again.
    """
    btc = between(dice, "20000", "120000").quantize(D("0.01"))
    main, other = between(dice, "4000", "200000"), between(dice, "0", "300")
    # Selling base can't help where base is owed too and is not named for it.
    other = D(0) if kind == "sell" else other
    now, target = between(dice, "1.35", "1.75"), between(dice, "1.8", "2.2").quantize(D("0.001"))
    owed, held = main + other, now * (main + other)
    idle = (target * owed - held) / (target - 1) + 50 if kind == "repay" else D(0)
    pair = PairSpec(
        base=InitialBalance(free=amount(max(D(0), held - idle), btc), borrowed=amount(other, btc)),
        quote=InitialBalance(
            free=amount(idle, D(1)),
            borrowed=amount(main, D(1)),
            interest=between(dice, "0", "3").quantize(EIGHT),
        ),
    )
    rich = {"USDT": D(1_000_000)}
    account = replace(
        calm_scenario().accounts[0], cross={"BTC": initial_balance("0.1")}, isolated={PAIR: pair}, funding={}, spot=rich
    )
    prices = {"BTCUSDT": btc, "ETHUSDT": D(3000)}
    readings = ApiInterpretations(direct_isolated_transfer=direct)
    return replace(calm_scenario(), accounts=(account,), prices=prices, readings=readings), target


def new_folder(folder: Path, seed: int) -> Path:
    """A new folder for the database of one portfolio."""
    made = folder / str(seed)
    made.mkdir()
    return made


def from_funding(scenario: Scenario) -> Scenario:
    """The same with the money of spot in funding."""
    [account] = scenario.accounts
    return replace(scenario, accounts=(replace(account, spot={}, funding=account.spot),))


async def check_reaches_target(
    folder: Path, spec: ActionSpec, scenario: Scenario, target: Decimal, steps: list[IntentState], pair: str = ""
) -> None:
    """Fails unless these steps are made, and leave the exchange's own level at the target or a hair above.

    A proof that takes too long is not waited for: what is planned on the figures of before expires, and is never sent.
    """
    spec = replace(spec, target=parse_sizing_target(f"margin_level >= {target}"))
    async with running_harness(folder, spec, scenario=scenario, pair=pair) as running:

        def sent() -> list[Intent]:
            return [intent for intent in running.intents if intent.state is not S.EXPIRED]

        await running.wait_until(lambda: len(sent()) >= len(steps) and FINAL_STATES.issuperset(i.state for i in sent()))
        assert [intent.state for intent in sent()] == steps, [folder.name, *(i.evidence for i in running.intents)]
        ledger = running.world.ledger
        reached = D(ledger["isolated"][pair]["level_exact"]) if pair else level(running)
        assert target <= reached <= target * D("1.001"), folder.name


async def check_cross_reaches_target(folder: Path, kind: Kind, seed: int) -> None:
    scenario, target = portfolio(kind, random.Random(f"{kind} {seed}"))
    await check_reaches_target(
        new_folder(folder, seed), SPECS[kind], scenario, target, [S.CONFIRMED] * STEPS.get(kind, 1)
    )


@pytest.mark.parametrize("kind", DAILY)
async def test_the_level_is_at_the_target(tmp_path: Path, kind: Kind) -> None:
    await check_cross_reaches_target(tmp_path, kind, 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_the_level_is_at_the_target_over_many_portfolios(tmp_path: Path, kind: Kind) -> None:
    for seed in range(1, 61):
        await check_cross_reaches_target(tmp_path, kind, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", BROUGHT_IN)
async def test_money_from_funding_brings_cross_to_the_target(tmp_path: Path, kind: Kind) -> None:
    for seed in range(1, 21):
        scenario, target = portfolio(kind, random.Random(f"funding {kind} {seed}"))
        steps = [S.CONFIRMED] * STEPS.get(kind, 1)
        await check_reaches_target(new_folder(tmp_path, seed), SPECS[kind], from_funding(scenario), target, steps)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PAIR_KINDS)
async def test_the_level_of_a_pair_is_at_the_target_over_many_portfolios(tmp_path: Path, kind: Kind) -> None:
    for seed in range(1, 21):
        scenario, target = pair_portfolio(kind, random.Random(f"pair {kind} {seed}"), direct=True)
        steps = [S.CONFIRMED] * STEPS.get(kind, 1)
        await check_reaches_target(new_folder(tmp_path, seed), SPECS[kind], scenario, target, steps, PAIR)


@pytest.mark.slow
@pytest.mark.parametrize("kind", BROUGHT_IN)
async def test_a_pair_reached_over_cross_is_at_the_target(tmp_path: Path, kind: Kind) -> None:
    for seed in range(1, 21):
        scenario, target = pair_portfolio(kind, random.Random(f"over cross {kind} {seed}"), direct=False)
        steps = [S.REFUSED, S.CONFIRMED, S.CONFIRMED, S.CONFIRMED][: 2 + STEPS.get(kind, 1)]
        await check_reaches_target(new_folder(tmp_path, seed), SPECS[kind], scenario, target, steps, PAIR)
