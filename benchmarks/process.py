"""Measured processes: the daemon and the prototypes, their CPU time and memory."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

SCHEDULE = 'cross = "60s"\nisolated = "60s"\nnear_liquidation = "60s"'
"""No read between the alerts: the exchange behind knows nothing of the prices that are sent."""

_CPU_CLOCK = 2
"""The clock of a process's CPU time, beside its inverted number: what Linux's clock_getcpuclockid(3) returns."""

ROOT = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class MeasuredProcess:
    """A process, and its stderr so far."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    @property
    def cpu_s(self) -> float:
        """CPU seconds used by the process, in nanoseconds' steps: those of /proc are a hundredth of a second long."""
        return time.clock_gettime(~self.process.pid << 3 | _CPU_CLOCK)

    @property
    def rss_mb(self) -> float:
        """Resident memory of the process."""
        return float(psutil.Process(self.process.pid).memory_info().rss / 2**20)

    async def stop(self, within_s: float = 30.0) -> None:
        """Stop the process gracefully."""
        self.process.terminate()
        async with asyncio.timeout(within_s):
            await self.process.wait()

    async def until_line(self, part: str, within_s: float = 60.0) -> None:
        """Wait until `part` is in a line of its stderr."""
        deadline = time.monotonic() + within_s
        while not any(part in line for line in self.lines):
            if self.process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no line with {part!r}:\n" + "\n".join(self.lines[-20:]))
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def measured_process(*words: str, environ: Mapping[str, str] | None = None) -> AsyncIterator[MeasuredProcess]:
    """A Python process with these arguments, killed at the end of the context."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    found = MeasuredProcess(process)
    reader = asyncio.create_task(_read(found))
    try:
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reader


def configure(
    folder: Path,
    ready: Mapping[str, Any],
    *,
    market: str = "",
    webhook: str = "",
    rules: str = "",
    schedule: str = SCHEDULE,
    listen: str = "",
) -> Path:
    """A config for all accounts of the sandbox behind `ready`; its prices from `market`, the web server at `listen`."""
    parts: Sequence[str] = (
        f'[storage]\nurl = "sqlite:///{folder}/monitor.db"',
        f'[exchange]\nrest_url = "{ready["rest_url"]}"\nws_api_url = "{ready["ws_api_url"]}"\n'
        f'market_stream_url = "{market or ready["market_stream_url"]}"\nrisk_stream_url = "{ready["risk_stream_url"]}"',
        f"[schedule]\n{schedule}",
        *(
            f'[[accounts]]\nname = "{account["name"]}"\napi_key = "{account["api_key"]}"\n'
            f'api_secret = "{account["api_secret"]}"'
            for account in ready["accounts"]
        ),
        f'[[channels]]\nname = "sink"\nwebhook = "{webhook}/daemon"\nsend_resolved = false' if webhook else "",
        rules,
        f'[http]\nlisten = "{listen}"',
    )
    path = folder / "config.toml"
    path.touch(mode=0o600)
    path.write_text("\n\n".join(part for part in parts if part) + "\n")
    return path


def daemon(config: Path, log_level: str = "warning") -> contextlib.AbstractAsyncContextManager[MeasuredProcess]:
    """The real daemon with this config."""
    return measured_process("-m", "monitor", "--config", str(config), "--log-level", log_level, "run")


async def _read(found: MeasuredProcess) -> None:
    assert found.process.stderr is not None
    while line := await found.process.stderr.readline():
        found.lines.append(line.decode().rstrip())
