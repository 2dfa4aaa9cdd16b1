"""Threads in which the web builds documents and pages, apart from those that the rest of the program shares."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from monitor.web.security.refusal import RequestRefused

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 2
MAX_WAITING = 40
"""Pieces of work at a time, running or waiting; more are refused."""

SHORT_TURN_S = 0.0002
"""Machine seconds after which a thread that computes gives way, while there is work for the web.

Threads of one interpreter run in turns, usually of five milliseconds: the event loop would wait as long at each of its
steps.
"""
_USUAL_TURN_S = sys.getswitchinterval()


class Workers:
    """Two threads. The looking up of a channel's host, in the program's own threads, never waits for a page."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="web-worker")
        self._count = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the function's result. Raises RequestRefused (503) when too much is asked for at a time."""
        if self._count >= MAX_WAITING:
            raise RequestRefused(503, "busy", "too much is asked for at a time", mend="try again in a moment")
        self._count += 1
        sys.setswitchinterval(SHORT_TURN_S)
        try:
            work = partial(function, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._count -= 1
            if not self._count:
                sys.setswitchinterval(_USUAL_TURN_S)

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)
