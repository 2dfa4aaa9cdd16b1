"""G5: request weight of the daemon in calm, for one account and minute."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.exchange import scenario
from benchmarks.process import configure, daemon
from benchmarks.report import Finding, Target, finding, main
from monitor.sandbox.server import Sandbox

DEFAULT = 'cross = "60s"'
SETTLES_S = 60
"""Seconds after the start whose requests are not counted."""


def measure(quick: bool) -> list[Finding]:
    """Weight of calm minutes as the exchange counts it, at default intervals: cross, isolated, streams connected."""
    return asyncio.run(_measure(2, 4) if quick else _measure(SETTLES_S, 180))


async def _measure(settles_s: float, span_s: float) -> list[Finding]:
    sandbox = Sandbox(scenario(pairs=2))
    ready = await sandbox.start()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        async with daemon(configure(Path(folder), ready.as_json(), schedule=DEFAULT)):
            await asyncio.sleep(settles_s)
            first, before = len(sandbox.requests), sandbox.ip_weight_spent
            await asyncio.sleep(span_s)
            weight = (sandbox.ip_weight_spent - before) / (span_s / 60)
            asked = Counter(request.path.rsplit("/", 1)[-1] for request in sandbox.requests[first:])
    await sandbox.stop()
    named = ", ".join(f"{name} ×{count}" for name, count in asked.most_common(4))
    return [finding(Target("G5", 25, 21), f"address weight a minute ({named} in {span_s:g} s)", "", [weight])]


if __name__ == "__main__":
    main(measure, __doc__ or "")
