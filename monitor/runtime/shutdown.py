"""The end of the daemon's tasks, and the error that it ends with."""

import asyncio
from collections.abc import Collection

from monitor.errors import MonitorError

ACCOUNTS_END_S = 10.0
"""Machine seconds within which all accounts end."""


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
