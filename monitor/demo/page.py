"""The page of a demo run: served at a free port of loopback while the story goes on, and after it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from monitor.app.web.service import WebService
from monitor.clock import Clock
from monitor.config.model import Config
from monitor.runtime.daemon import Daemon
from monitor.store.store import Store
from monitor.view.documents.types.demo import DemoRunResult

LISTENS_WITHIN_S = 20.0
LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class DemoPage:
    """The page of one run. `show_address` gets its address; `stay_open` the result, and returns once it may close."""

    token: str
    show_address: Callable[[str], None]
    stay_open: Callable[[DemoRunResult], Awaitable[None]]


@contextlib.asynccontextmanager
async def serve_page(
    page: DemoPage | None, config: Config, store: Store, clock: Clock, daemon: Daemon
) -> AsyncIterator[None]:
    """Serve the page of this daemon meanwhile; nothing without a page. Raises TimeoutError when it does not listen."""
    if page is None:
        yield
        return
    service = WebService(config, store, clock, lambda: daemon, lambda _: None)
    service.configure(config)
    serving = asyncio.create_task(service.run(), name="page")
    try:
        async with asyncio.timeout(LISTENS_WITHIN_S):
            while service.server.address is None:  # noqa: ASYNC110 – the server has no event for it
                await asyncio.sleep(LOOK_S)
        host, port = service.server.address
        page.show_address(f"http://{host}:{port}/")
        yield
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
