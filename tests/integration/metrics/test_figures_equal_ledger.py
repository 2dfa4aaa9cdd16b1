"""What the daemon shows of an account is what the exchange's own ledger says, through a real night."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import needed_symbols
from monitor.sandbox.scenario.builtin import calm_scenario, crash_scenario
from monitor.sandbox.server import Sandbox
from tests.support.command import margin_monitor
from tests.support.daemon import InProcessDaemon, clock_of, in_process_daemon, starting_now, write_config
from tests.support.sandbox import sandbox

EXACT = Decimal("0.00000001")
CENT = Decimal("0.01")
PRICES = Path(os.environ.get("MARGIN_MONITOR_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data") / "prices"
BARS = {symbol: PRICES / f"binance_um_{symbol}_1m_2025-10-10.csv.gz" for symbol in ("BTCUSDT", "SOLUSDT")}

# Minutes after the first bar (20:49 UTC): before, on the way, two in the worst minutes, the low, after the liquidation.
MOMENTS = (0, 12.5, 27, 30.8, 31.7, 33, 60)


def differences(shown: Mapping[str, Any], ledger: Mapping[str, Any]) -> list[str]:
    """Every figure of an account in the status document that is not the ledger's own."""
    found = _scope(shown["cross"], ledger["cross"], "cross")
    found += _rows(shown["cross"]["balances"], ledger["cross"]["balances"], "cross")
    symbols = sorted(pair["symbol"] for pair in shown["isolated"])
    if symbols != sorted(ledger["isolated"]):
        return [f"pairs: {symbols} instead of {sorted(ledger['isolated'])}"]
    for pair in shown["isolated"]:
        own, where = ledger["isolated"][pair["symbol"]], pair["symbol"]
        found += _scope(pair, own, where)
        found += _differ(where, pair, own, ("index_price", "liquidation_price"), EXACT)
        if pair["status"] != own["status"]:
            found.append(f"{where} status: {pair['status']} instead of {own['status']}")
        sides = [side for side in (pair["base"], pair["quote"]) if any(Decimal(side[key]) for key in AMOUNTS)]
        found += _rows(sides, own["balances"], where)
    return found


AMOUNTS = ("free", "locked", "borrowed", "interest")


def _scope(shown: Mapping[str, Any], own: Mapping[str, Any], where: str) -> list[str]:
    pairs = {"margin_level": "level", "polled_margin_level": "level"}
    bars = ("initial_level", "margin_call_level", "liquidation_level")
    renamed = {name: own[key] for name, key in pairs.items()} | {name: own[name] for name in bars}
    found = _differ(where, shown, renamed, (*pairs, *bars), EXACT)
    sums = [name for name in ("assets_usdt", "liabilities_usdt", "equity_usdt", "interest_usdt") if name in shown]
    return found + _differ(where, shown, own, sums, CENT)


def _rows(shown: Sequence[Mapping[str, Any]], own: Mapping[str, Any], where: str) -> list[str]:
    if sorted(row["asset"] for row in shown) != sorted(own):
        return [f"{where} rows: {[row['asset'] for row in shown]} instead of {sorted(own)}"]
    found: list[str] = []
    for row in shown:
        ledger, place = own[row["asset"]], f"{where} {row['asset']}"
        found += _differ(place, row, ledger, (*AMOUNTS, "net", "price_usdt"), EXACT)
        if "value_usdt" in row:
            found += _differ(place, row, ledger, ("value_usdt",), CENT)
        # USDT is what prices are told in: no price of its own can end the account.
        if "value_usdt" in row and row["asset"] != "USDT":
            found += _differ(place, row, ledger, ("liquidation_price",), EXACT)
            if row["danger"] != ledger["danger"]:
                found.append(f"{place} danger: {row['danger']} instead of {ledger['danger']}")
    return found


def _differ(
    where: str, shown: Mapping[str, Any], own: Mapping[str, Any], names: Sequence[str], within: Decimal
) -> list[str]:
    found = []
    for name in names:
        ours, theirs = shown[name], own[name]
        if (ours is None) != (theirs is None) or (ours and abs(Decimal(ours) - Decimal(theirs)) > within):
            found.append(f"{where} {name}: {ours} instead of {theirs}")
    return found


async def test_every_figure_of_a_real_night_equals_the_ledger(tmp_path: Path) -> None:
    missing = [path for path in BARS.values() if not path.exists()]
    if missing:
        pytest.skip(f"no real bars at {missing[0]}: set MARGIN_MONITOR_TEST_DATA")
    async with sandbox(crash_scenario().with_bars(BARS), frozen=True) as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            for before, minute in pairwise((0, *MOMENTS)):
                box.sandbox.user_actions.advance((minute - before) * 60)
                await one_poll_at_these_prices(here, box.sandbox)
                await equal(here, box.sandbox, f"minute {minute}")
            assert ledger_of(box.sandbox)["liquidations"], "the night is meant to end the unguarded account"


async def test_figures_follow_changed_debts_interest_and_prices(tmp_path: Path) -> None:
    async with sandbox(calm_scenario(), frozen=True) as box:
        hand = box.sandbox.user_actions
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await one_poll_at_these_prices(here, box.sandbox)
            await equal(here, box.sandbox, "at the start")

            # What was read before is dated before, such as an index price that is under way.
            hand.advance(2)
            hand.borrow("main", "USDT", Decimal("1234.56789012"))
            hand.charge_interest()
            hand.set_price("BTCUSDT", Decimal("41234.56"))
            hand.set_price("ETHUSDT", Decimal("2999.01"))
            await one_poll_at_these_prices(here, box.sandbox)
            await equal(here, box.sandbox, "with new debt and interest")

            for asset in ("USDT", "ETH"):
                owed = ledger_of(box.sandbox)["cross"]["balances"][asset]
                total = Decimal(owed["borrowed"]) + Decimal(owed["interest"])
                hand.deposit("main", asset, total, "cross")
                hand.repay("main", asset, total)
            hand.advance(1)
            await one_poll_at_these_prices(here, box.sandbox)
            shown = await equal(here, box.sandbox, "with nothing owed")
    assert (shown["cross"]["state"], shown["cross"]["margin_level"]) == ("no_debt", None)


async def test_status_prints_the_ledger_figures(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config) as here:
            await one_poll_at_these_prices(here, box.sandbox)
            await equal(here, box.sandbox, "in the store")
            said = await asyncio.to_thread(margin_monitor, config, "status", "--json")
    assert said.code == 0, said.err
    shown = said.json()
    assert shown["daemon"]["running"] is True
    assert [account["state"] for account in shown["accounts"]] == ["ok"]
    assert differences(shown["accounts"][0], ledger_of(box.sandbox)) == []


async def one_poll_at_these_prices(here: InProcessDaemon, box: Sandbox) -> None:
    """Returns once both kinds of scope were read after the present prices had arrived."""
    now = here.clock.now()

    def is_read(state: AccountState) -> bool:
        cross, isolated = state.cross, state.isolated
        if (
            cross is None
            or isolated is None
            or min(cross.as_of, isolated.as_of) < now
            or state.thresholds.cross is None
        ):
            return False
        wanted = {
            symbol: box.venue.prices.spot(symbol) for symbol in needed_symbols(state, here.daemon.settings("main"))
        }
        known = (state.prices.newest, state.prices.at_cross.prices, state.prices.at_isolated.prices)
        return set(isolated.pairs) <= set(state.thresholds.tiers) and all(
            symbol in prices and prices[symbol].value == price for symbol, price in wanted.items() for prices in known
        )

    await here.wait_for_state(is_read)


async def equal(here: InProcessDaemon, box: Sandbox, when: str) -> Mapping[str, Any]:
    """The stored document of the account, every figure of which is the ledger's."""
    found: list[str] = []

    def is_equal(shown: Mapping[str, Any]) -> bool:
        nonlocal found
        found = differences(shown, ledger_of(box))
        return not found

    try:
        # The document is written at most once a second.
        return await here.wait_for_document(is_equal, within_s=5)
    except AssertionError:
        raise AssertionError(f"{when}: {'; '.join(found)}") from None


def ledger_of(box: Sandbox) -> Any:
    accounts = box.state_dump["accounts"]
    assert isinstance(accounts, dict)
    return accounts["main"]
