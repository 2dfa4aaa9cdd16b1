"""People who look: readers of the live events, and a Prometheus that scrapes every second.

`python -m benchmarks.prototypes.readers URL LIVE EVERY_S` runs until it is ended, and says on stderr once all read.
"""

import asyncio
import sys

import aiohttp


async def main(url: str, live: int, every_s: float) -> None:
    """Read until cancelled."""
    connector = aiohttp.TCPConnector(limit=live + 1)
    started = [asyncio.Event() for _ in range(live)]
    async with (
        aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as http,
        asyncio.TaskGroup() as tasks,
    ):
        for event in started:
            tasks.create_task(_read_live(http, event))
        tasks.create_task(_scrape(http, every_s))
        for event in started:
            await event.wait()
        print("everybody reads", file=sys.stderr, flush=True)


async def _read_live(http: aiohttp.ClientSession, started: asyncio.Event) -> None:
    async with http.get("/api/v1/live", headers={"Accept": "text/event-stream"}) as answer:
        answer.raise_for_status()
        started.set()
        async for _ in answer.content:
            pass
    raise RuntimeError("the live events ended")


async def _scrape(http: aiohttp.ClientSession, every_s: float) -> None:
    while True:
        async with http.get("/metrics") as answer:
            answer.raise_for_status()
            await answer.read()
        await asyncio.sleep(every_s)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
