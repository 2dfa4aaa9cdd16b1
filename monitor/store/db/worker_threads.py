"""Threads for blocking work, awaited with a time limit: a hanging call blocks neither the loop nor the end."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from monitor.errors import StoreError

T = TypeVar("T")


@dataclass(slots=True)
class _Work:
    function: Callable[[], Any]
    future: asyncio.Future[Any]


class WorkerThreads:
    """Functions run in the order given, as many at a time as there are threads."""

    def __init__(
        self, name: str, count: int, timeout_s: float, resource: str, on_timeout: Callable[[], object] = lambda: None
    ) -> None:
        """`resource` names what does not answer within `timeout_s`; `on_timeout` then runs and may end the wait."""
        self._on_timeout = on_timeout
        self._timeout_s = timeout_s
        self._resource = resource
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._busy_since: dict[int, float] = {}
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[[], T]) -> T:
        """Return or raise the function's result. Raises StoreError after the limit; the function may still complete."""
        begun = sorted(self._busy_since.copy().values())
        if len(begun) == len(self._threads) and time.monotonic() - begun[-1] > self._timeout_s:
            raise self._no_answer(time.monotonic() - begun[0])
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Work(function, future))
        try:
            # Not `timeout`: an answer that is there counts, however late this loop runs.
            await asyncio.wait((future,), timeout=self._timeout_s)
            if future.done():
                return future.result()
        finally:
            future.cancel()
        self._on_timeout()
        raise self._no_answer(self._timeout_s)

    def close(self) -> None:
        """Let queued functions complete; threads that hang are left behind."""
        for _ in self._threads:
            self._queue.put(None)
        deadline = time.monotonic() + self._timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _no_answer(self, waited_s: float) -> StoreError:
        return StoreError(f"{self._resource} has not answered for {waited_s:.0f} s")

    def _run(self, number: int) -> None:
        while (work := self._queue.get()) is not None:
            if work.future.cancelled():
                continue
            self._busy_since[number] = time.monotonic()
            answer, failure = None, None
            try:
                answer = work.function()
            except Exception as error:  # noqa: BLE001 – the bulkhead of the thread: who waits gets it
                failure = error
            finally:
                del self._busy_since[number]
            try:
                work.future.get_loop().call_soon_threadsafe(_resolve, work.future, answer, failure)
            except RuntimeError:
                # A loop that has ended waits for nothing.
                continue


def _resolve(future: asyncio.Future[Any], answer: Any, failure: Exception | None) -> None:
    if future.done():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(answer)
