"""Measurements of a contradicted clock, which all accounts share: one at a time, and none right after a failed one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from monitor.errors import ExchangeError

log = logging.getLogger(__name__)

JOIN_S = 0.5
"""Machine seconds for which an account waits for the measurement of another; first reads have one second in all."""

RETRY_S = 1.0
"""Machine seconds after a failed measurement in which no other is made."""


class ClockChecks:
    """The measurement under way, and the end of the last one that failed."""

    def __init__(self) -> None:
        self._under_way: asyncio.Future[bool] | None = None
        self._failed_at_s = float("-inf")

    async def run(self, account: str, measure: Callable[[], Awaitable[object]]) -> bool:
        """Return whether the clock was measured: by `measure`, or by the measurement of another account.

        False without a measurement where one failed a moment ago, or another takes long: the steady clock goes on, and
        if it is wrong the exchange refuses the request. So it is where `measure` raises an ExchangeError.
        """
        loop = asyncio.get_running_loop()
        if self._under_way is not None:
            done, _ = await asyncio.wait([self._under_way], timeout=JOIN_S)
            return any(one.result() for one in done)
        if loop.time() - self._failed_at_s < RETRY_S:
            return False
        under_way = self._under_way = loop.create_future()
        is_measured = False
        try:
            await measure()
            is_measured = True
        except ExchangeError as error:
            self._failed_at_s = loop.time()
            log.warning("exchange.clock_not_measured account=%s cause=%s", account, error.message)
        finally:
            self._under_way = None
            under_way.set_result(is_measured)
        return is_measured
