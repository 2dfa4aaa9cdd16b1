"""Hosts after a firewall's refusal: others are used at once, the refusing one soon and then less often."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from monitor.errors import ExchangeUnreachable
from monitor.exchange.binance.api.read_hosts import FIRST_COOLDOWN_S, MAX_COOLDOWN_S, ReadHosts
from monitor.exchange.binance.rate_limits import WeightPool
from monitor.sandbox.faults import Fault
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox, hosts_of

CROSS_PATH = "/sapi/v1/margin/account"
ISOLATED_PATH = "/sapi/v1/margin/isolated/account"
CROSS, ISOLATED = WeightPool("cross"), WeightPool("isolated")


def forbidden(**changes: Any) -> Fault:
    return Fault("status", **{"path": CROSS_PATH, "status": 403, "body": "<html></html>", **changes})


def statuses(w: ConnectedSandbox, path: str = CROSS_PATH) -> list[int]:
    return [request.status for request in w.requests(path)]


class Seconds:
    """Seconds that pass on request."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pauses_of(seconds: Seconds, hosts: ReadHosts, pool: WeightPool, times: int) -> Sequence[float]:
    found = []
    for _ in range(times):
        host = hosts.choose(pool)
        assert host is not None
        hosts.note_failure(host, pool)
        found.append(hosts.available_in_s(pool))
        seconds.now += found[-1]
    return found


async def test_one_refusal_by_the_only_host_costs_two_seconds() -> None:
    async with connected_sandbox(faults=[forbidden()]) as w:
        assert (await w.account.read_cross()).balances
        assert statuses(w) == [403, 200]
        first, second = (request.at for request in w.requests(CROSS_PATH))
    assert second - first >= FIRST_COOLDOWN_S * 1000


async def test_other_host_is_used_at_once_and_the_first_pauses() -> None:
    async with connected_sandbox(faults=[forbidden(count=0, host="localhost")]) as w:
        port = w.ready.rest_url.rpartition(":")[2]
        hosts = hosts_of(w.ready, rest=f"http://localhost:{port}", rest_fallbacks=(w.ready.rest_url,))
        async with connected_sandbox(base_urls=hosts) as other:
            for _ in range(3):
                assert (await other.account.read_cross()).balances
            await other.account.read_isolated()
        assert statuses(w) == [403, 200, 200, 200]
        assert statuses(w, ISOLATED_PATH) == [200]


async def test_persistent_block_is_retried_less_and_less_often() -> None:
    async with connected_sandbox(faults=[forbidden(count=0)], speed=20) as w:
        async with asyncio.timeout(60):
            while len(w.requests(CROSS_PATH)) < 4:
                with pytest.raises(ExchangeUnreachable, match="403"):
                    await w.account.read_cross()
                await asyncio.sleep(0)
        times = [request.at for request in w.requests(CROSS_PATH)]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert all(gap >= 2000 * 2**number for number, gap in enumerate(gaps))
        # The firewall refuses one path alone.
        assert (await w.account.read_isolated()).pairs


def test_pauses_double_up_to_half_a_minute_until_an_answer() -> None:
    seconds = Seconds()
    hosts = ReadHosts(("a",), seconds)
    assert pauses_of(seconds, hosts, CROSS, 6) == [2, 4, 8, 16, MAX_COOLDOWN_S, MAX_COOLDOWN_S]
    hosts.note_answer("a", CROSS)
    assert pauses_of(seconds, hosts, CROSS, 1) == [2]


def test_host_pauses_for_one_pool_and_another_is_preferred_for_all() -> None:
    seconds = Seconds()
    hosts = ReadHosts(("a", "b"), seconds)
    hosts.note_failure("a", CROSS)
    assert (hosts.choose(CROSS), hosts.choose(ISOLATED)) == ("b", "b")
    hosts.note_failure("b", CROSS)
    assert (hosts.choose(CROSS), hosts.choose(ISOLATED)) == (None, "a")
    seconds.now += 301
    assert (hosts.choose(CROSS), hosts.choose(ISOLATED)) == ("a", "a")
