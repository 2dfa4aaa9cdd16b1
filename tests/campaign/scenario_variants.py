"""What the scenario of a seed needs besides for its strains."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from monitor.sandbox.scenario.scenario import ApiKeySpec, Scenario
from tests.campaign.disturbances import Disturbance, TakeMore, WrongKey


def with_disturbances(
    scenario: Scenario, strains: Sequence[Disturbance], price: Decimal, other: tuple[str, ApiKeySpec]
) -> Scenario:
    """With what its strains need: USDT to take, at this price of BTC, and an account of that name and key."""
    if any(isinstance(strain, TakeMore) for strain in strains):
        scenario = _with_more_free(scenario, price)
    return _with_another(scenario, *other) if any(isinstance(strain, WrongKey) for strain in strains) else scenario


def _with_more_free(scenario: Scenario, price: Decimal) -> Scenario:
    """With some of the BTC sold, so that something may be taken which an order leaves."""
    [own] = scenario.accounts
    btc, usdt = own.cross["BTC"], own.cross["USDT"]
    sold = (btc.free * Decimal("0.15")).quantize(Decimal("0.0001"))
    cross = {"BTC": replace(btc, free=btc.free - sold), "USDT": replace(usdt, free=usdt.free + sold * price)}
    return replace(scenario, accounts=(replace(own, cross=cross),))


def _with_another(scenario: Scenario, name: str, key: ApiKeySpec) -> Scenario:
    """With another account, as rich as the first."""
    [own] = scenario.accounts
    return replace(scenario, accounts=(own, replace(own, name=name, keys=(key,))))
