"""`/metrics` over HTTP: what a scraper gets, whoever else asks, and while the database fails."""

import asyncio
import re
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from tests.integration.web.http_client import send
from tests.integration.web.served_daemon import ServedDaemon, served_daemon
from tests.support.daemon import eventually
from tests.support.prometheus_tools.programs import run_promtool
from tests.support.prometheus_tools.samples import read_samples

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT = {"cross": "1s", "isolated": "1s", "near_liquidation": "1s", "stale_after": "4s"}
LEVEL = 'margin_monitor_margin_level_ratio{account="main",scope="cross"}'


async def test_scraper_gets_text_that_promtool_accepts(served: ServedDaemon) -> None:
    answer = await served.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = read_samples(answer.text)
    assert found[LEVEL] > 1
    assert found["margin_monitor_web_connections"] >= 1
    assert found["margin_monitor_web_restarts_total"] == 0
    assert found['margin_monitor_polls_total{account="main",read="cross",result="ok"}'] > 0
    assert run_promtool("check", "metrics", stdin=answer.text) == (0, "")


async def test_scrapers_at_the_same_time_share_one_text(served: ServedDaemon) -> None:
    answers = await asyncio.gather(*(served.get("/metrics") for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


async def test_next_scrape_has_newer_counts(served: ServedDaemon) -> None:
    async def total() -> float:
        found = read_samples((await served.get("/metrics")).text)
        return sum(value for name, value in found.items() if re.match(r"margin_monitor_polls_total\b", name))

    first = await total()

    async def has_more() -> bool:
        return await total() > first

    await eventually(has_more)


async def test_stale_level_has_no_sample_until_it_is_read_again(tmp_path: Path) -> None:
    async with served_daemon(tmp_path, schedule=SHORT) as own:

        async def is_known(wanted: bool) -> bool:
            found = read_samples((await own.get("/metrics")).text)
            assert 'margin_monitor_data_age_seconds{account="main"}' in found
            return (LEVEL in found) is wanted

        await eventually(lambda: is_known(True))
        own.box.sandbox.add_fault(Fault("status", path="/sapi/v1/margin/account", count=0, status=503))
        await eventually(lambda: is_known(False))
        own.box.sandbox.clear_faults()
        await eventually(lambda: is_known(True))


async def test_metrics_can_only_be_read(served: ServedDaemon) -> None:
    assert (await send(served.address, "POST", "/metrics")).status == 405
    head = await send(served.address, "HEAD", "/metrics")
    assert (head.status, head.body) == (200, b"")
