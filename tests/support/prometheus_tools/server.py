"""A real Prometheus that scrapes one target every second."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.daemon import eventually
from tests.support.prometheus_tools.programs import find_program

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: margin-monitor
    static_configs: [{{targets: ["{target}"]}}]
"""


class PrometheusServer:
    """The API of a running Prometheus."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def query(self, expr: str) -> Sequence[Mapping[str, Any]]:
        """Return the series of an instant query: `metric` and `value` each. Raises AssertionError for its error."""
        async with self._http.get("/api/v1/query", params={"query": expr}) as answer:
            found = await answer.json()
            assert found["status"] == "success", f"{expr}: {found}"
            series: Sequence[Mapping[str, Any]] = found["data"]["result"]
            return series

    async def value(self, expr: str) -> float | None:
        """Return the value of the first series; None without one."""
        series = await self.query(expr)
        return float(series[0]["value"][1]) if series else None

    async def alert_names(self) -> set[str]:
        """Return the names of all alert rules that could be evaluated."""
        async with self._http.get("/api/v1/rules", params={"type": "alert"}) as answer:
            groups = (await answer.json())["data"]["groups"]
            return {rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "ok"}


@contextlib.asynccontextmanager
async def prometheus_server(folder: Path, target: str, rules: Path) -> AsyncIterator[PrometheusServer]:
    """A Prometheus of its own in `folder`, killed at the end. Skips the test when it is not installed."""
    program, listen = find_program("prometheus"), f"127.0.0.1:{_free_port()}"
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(target=target, rules=json.dumps(str(rules))))
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={listen}",
        "--log.level=warn",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession(f"http://{listen}", timeout=aiohttp.ClientTimeout(total=10)) as http:

            async def is_ready() -> bool:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get("/-/ready") as answer:
                        return answer.status == 200
                return False

            await eventually(is_ready, 30, given_up=lambda: process.returncode is not None)
            yield PrometheusServer(http)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
