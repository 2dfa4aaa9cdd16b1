"""The end of the daemon's tasks, and the error that it ends with."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

from monitor.errors import MonitorError

T = TypeVar("T")

ACCOUNTS_END_S = 10.0
"""Machine seconds within which all accounts end."""

END_TIMEOUT_S = 1.0
"""Machine seconds that tasks under way have at the end, and again once they are cancelled."""


class BackgroundTasks:
    """Tasks that nobody waits for while they run, ended by their owner.

    With the loop itself they would be cancelled as well, but one that is just starting a child process would then wait
    without end.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run a coroutine."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait(self) -> None:
        """Wait until none is left."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def end(self) -> None:
        """Wait for END_TIMEOUT_S until all have ended, then cancel the rest."""
        for must_end in (False, True):
            tasks = set(self._tasks)
            for task in tasks if must_end else ():
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=END_TIMEOUT_S)


async def end_tasks(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel the tasks, and wait until they have ended, for ACCOUNTS_END_S at most."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=ACCOUNTS_END_S)


def root_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that ended the daemon: the one error that a person can cure, if there is one."""
    mendable = group.subgroup(MonitorError)
    error: BaseException = mendable if mendable is not None else group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
