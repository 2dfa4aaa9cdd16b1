"""A sandbox whose past prices a daemon reads, and how far it came."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.core.engine.bar_demand import BarProgress
from monitor.core.margin.past_prices import ceil_hour, floor_hour
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario, initial_balance
from monitor.sandbox.server import Sandbox
from monitor.store.readers.price_history import read_progress
from monitor.store.store import Store
from tests.support.daemon import InProcessDaemon, eventually

SPEED = 30
START = datetime(2026, 3, 1, 12, 2, tzinfo=UTC)
KLINES = "/api/v3/klines"
SLOW_READS = {"cross": "60s", "isolated": "60s", "near_liquidation": "60s"}


def history(text: str) -> str:
    """The table of a configuration that wants past prices for so long."""
    return f'[risk]\nhistory = "{text}"'


def holding(*assets: str) -> Scenario:
    """The calm account, early in an hour, that holds some of each of these assets, too."""
    calm = replace(calm_scenario(), start=START)
    (account,) = calm.accounts
    held = {asset: initial_balance("1") for asset in assets}
    return replace(calm, accounts=(replace(account, cross={**account.cross, **held}, isolated={}),))


def asked(sandbox: Sandbox) -> list[ReceivedRequest]:
    """The requests for past prices so far."""
    return [request for request in sandbox.requests if request.path == KLINES]


async def progress(store: Store) -> dict[str, BarProgress]:
    """How far each symbol was read."""
    return (await store.read(read_progress))[1]


async def wait_until_filled(
    here: InProcessDaemon, days: int, symbols: set[str], dead: frozenset[str] = frozenset(), within_s: float = 60
) -> None:
    """Wait until all hours of these symbols are read, but for the `dead`, which have no newest ones."""

    async def is_filled() -> bool:
        known, now = await progress(here.store), here.clock.now()
        first, end = ceil_hour(now - timedelta(days=days)), floor_hour(now - timedelta(minutes=1))
        return all(
            (one := known.get(symbol)) is not None
            and one.read_from is not None
            and one.read_until is not None
            and (one.read_from <= first or (one.listed_at is not None and one.listed_at >= one.read_from))
            and (symbol in dead or one.read_until >= end)
            for symbol in symbols
        )

    await eventually(is_filled, within_s, given_up=here.task.done)
