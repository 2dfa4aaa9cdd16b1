"""The event loop of the program: uvloop where installed, else asyncio's."""

import asyncio
import sys
from collections.abc import Callable, Coroutine

SWITCH_INTERVAL_S = 0.0005
"""Machine seconds after which a thread that computes gives way to the event loop.

By default it is ten times as long: whoever reads a long document over HTTP would delay each step of an alert by it.
"""


def run_event_loop(main: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run a coroutine on uvloop where it is installed, else on asyncio's own loop."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
