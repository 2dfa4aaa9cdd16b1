"""The event loop of the program: uvloop where installed, else asyncio's."""

import asyncio
from collections.abc import Callable, Coroutine


def run_event_loop(main: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run a coroutine on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
