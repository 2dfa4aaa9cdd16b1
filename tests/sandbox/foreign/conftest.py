"""What every foreign client gets: a lively sandbox, and no way out of this machine."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from monitor.sandbox.scenario.scenario import (
    AccountSpec,
    ApiInterpretations,
    PairSpec,
    RequestLimits,
    Scenario,
    initial_balance,
)
from tests.sandbox.foreign.network_guard import NetworkGuard
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sandbox_client import SignedClient

D = Decimal


@pytest.fixture(autouse=True)
def guard() -> Iterator[NetworkGuard]:
    """Refuses every connection that would leave this machine, and fails the test that tried."""
    with NetworkGuard() as one:
        yield one
    assert one.refused == []


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    """A sandbox at the machine's time, with a row in every history that a test reads."""
    start = datetime.now(UTC).replace(microsecond=0)
    async with sandbox(_scenario(start), anchor=start.timestamp()) as one:
        async with SignedClient(one.sandbox, one.ready) as client:
            await _live(client)
        one.sandbox.user_actions.charge_interest()
        yield one
        # Sockets that a client left half closed end before the sandbox does.
        await asyncio.sleep(0)


def _scenario(start: datetime) -> Scenario:
    return Scenario(
        start=start,
        accounts=(
            AccountSpec(
                spot={"USDT": D(5000)},
                funding={"USDT": D(70)},
                cross={
                    "BTC": initial_balance("1"),
                    "USDT": initial_balance("1000", borrowed="20000"),
                    "XRP": initial_balance(borrowed="1"),
                },
                isolated={"SOLUSDT": PairSpec(base=initial_balance("10"), quote=initial_balance("5", borrowed="500"))},
            ),
        ),
        prices={"BTCUSDT": D(60_000), "SOLUSDT": D(200)},
        delistings=((datetime(2040, 4, 1, tzinfo=UTC), ("ADA",), ("ADAUSDT",)),),
        listings=((datetime(2040, 5, 1, tzinfo=UTC), ("DOGE",), ("DOGEUSDT",)),),
        restricted_long=("ADA",),
        collateral_full=("XRP",),
        limit_price_pairs=("ADAUSDT",),
        limits=RequestLimits(loan_delay_s=0),
        readings=ApiInterpretations(small_liability_body="object"),
    )


async def _live(client: SignedClient) -> None:
    loan = {"asset": "USDT", "isIsolated": "FALSE", "amount": "5"}
    for kind in ("BORROW", "REPAY"):
        await client.post("/sapi/v1/margin/borrow-repay", **loan, type=kind)
    await client.post("/sapi/v1/asset/transfer", type="MAIN_MARGIN", asset="USDT", amount="5")
    await client.post("/sapi/v1/margin/order", symbol="BTCUSDT", side="SELL", quantity="0.01", type="MARKET")
