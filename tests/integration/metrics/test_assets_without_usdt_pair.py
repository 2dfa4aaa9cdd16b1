"""Assets without a pair with USDT: worth what USDC, FDUSD or EUR say, or a pair of USDT in them."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, initial_balance
from tests.support.daemon import clock_of, in_process_daemon, write_config
from tests.support.sandbox import sandbox

D = Decimal

SCENARIO = replace(
    calm_scenario(),
    accounts=(
        AccountSpec(
            cross={
                "ABC": initial_balance("1000"),
                "DEF": initial_balance("500"),
                "GHI": initial_balance("100"),
                "TRY": initial_balance("0", borrowed="80000"),
            },
        ),
    ),
    only_pairs={"ABC": "ABCUSDC", "DEF": "DEFFDUSD", "GHI": "GHIEUR", "TRY": "USDTTRY"},
    prices={
        "ABCUSDC": D(2),
        "USDCUSDT": D("0.99"),
        "DEFFDUSD": D(3),
        "FDUSDUSDT": D("0.98"),
        "GHIEUR": D(10),
        "EURUSDT": D("1.1"),
        "USDTTRY": D(40),
    },
    paths={},
)
WORTH = {"ABC": D("1.98"), "DEF": D("2.94"), "GHI": D(11), "TRY": D("0.025")}
"""In USDT: 2 × 0.99, 3 × 0.98, 10 × 1.1, 1 ÷ 40. Assets 1980 + 1470 + 1100 = 4550, debts 80,000 ÷ 40 = 2000."""


def is_level(document: dict[str, Any], level: str) -> bool:
    """Whether this is the cross level by the live prices, and the exchange's own."""
    cross = document.get("cross") or {}
    found = [cross.get("margin_level"), cross.get("polled_margin_level")]
    return cross.get("source") == "live" and all(one and abs(D(one) - D(level)) < D("0.0001") for one in found)


async def test_assets_without_a_usdt_pair_are_valued_like_the_exchange(tmp_path: Path) -> None:
    async with sandbox(SCENARIO) as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            document = await here.wait_for_document(lambda found: is_level(found, "2.275"), 90)
            prices = {row["asset"]: D(row["price_usdt"]) for row in document["cross"]["balances"]}
            assert {asset: round(prices[asset], 8) for asset in WORTH} == WORTH
            assert D(document["cross"]["assets_usdt"]).quantize(D("0.01")) == 4550
            # A stronger lira, and every step of a way in its turn: 80,000 ÷ 32 = 2500 owed.
            box.sandbox.user_actions.set_price("USDTTRY", D(32))
            await here.wait_for_document(lambda found: is_level(found, "1.82"), 90)
            box.sandbox.user_actions.set_price("GHIEUR", D(20))
            await here.wait_for_document(lambda found: is_level(found, "2.26"), 90)
            box.sandbox.user_actions.set_price("EURUSDT", D("1.2"))
            await here.wait_for_document(lambda found: is_level(found, "2.34"), 90)
            box.sandbox.user_actions.set_price("USDCUSDT", D("0.94"))
            document = await here.wait_for_document(lambda found: is_level(found, "2.30"), 90)
            assert [gap for gap in document["cross"]["gaps"] if gap["kind"] == "no_price"] == []
