"""Reference data, read from the sandbox as the exchange documents it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from monitor.core.model.account import CollateralTier
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import SimCollateralTier as Tier
from tests.support.connected_sandbox import connected_sandbox

D = Decimal


async def test_tags_of_assets_are_read_with_the_key_alone() -> None:
    tags = {"ADA": ("Monitoring", "Layer1_Layer2"), "DOGE": ("Meme",)}
    async with connected_sandbox(replace(calm_scenario(), tags=tags)) as w:
        assert (await w.account.reference_data.read_asset_tags()).content == {
            asset: frozenset(some) for asset, some in tags.items()
        }
        (asked,) = w.requests("/sapi/v1/spot/asset/tags")
        assert "signature" not in asked.params
        assert w.account.weight_used * 12_000 == 100


async def test_schedules_restrictions_collateral_and_index_are_read_as_listed() -> None:
    gone = datetime(2026, 4, 1, tzinfo=UTC)
    scenario = replace(
        calm_scenario(),
        delistings=((gone, ("ADA",), ("ADAUSDT",)),),
        restricted_long=("ADA",),
        collateral_full=("DOGE",),
        collateral={"SOL": (Tier(D(0), D("0.8")), Tier(D(1_000_000), D(0)))},
    )
    async with connected_sandbox(scenario) as w:
        source = w.account.reference_data
        (delisting,) = (await source.read_delistings()).content
        restricted = (await source.read_restricted_assets()).content
        collateral = (await source.read_collateral_ratios()).content
        index = await source.read_index_price("BTCUSDT")
        book = w.sandbox.state_dump
        shown: dict[str, dict[str, str]] = book["prices"]  # type: ignore[assignment]  # the ledger is plain JSON
    assert (delisting.at, delisting.assets, delisting.symbols) == (gone, frozenset({"ADA"}), frozenset({"ADAUSDT"}))
    assert (restricted.no_new_longs, restricted.no_more_collateral) == (frozenset({"ADA"}), frozenset({"DOGE"}))
    assert collateral["SOL"] == (CollateralTier(D(0), D(1_000_000), D("0.8")), CollateralTier(D(1_000_000), None, D(0)))
    assert collateral["BTC"] == (CollateralTier(D(0), None, D(1)),)
    assert index.value == D(shown["BTCUSDT"]["index"])


async def test_the_least_repayments_are_read_by_asset_for_a_weight_of_one() -> None:
    async with connected_sandbox(replace(calm_scenario(), min_repay={"USDT": D(10), "BTC": D("0.0001")})) as w:
        assert (await w.account.reference_data.read_min_repay()).content == {"USDT": D(10), "BTC": D("0.0001")}
        assert w.account.weight_used * 12_000 == 1
