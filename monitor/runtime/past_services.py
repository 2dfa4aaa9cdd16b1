"""Everything that the daemon does with past prices: it reads them, and measures odds by them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from monitor.core.model.alert import Severity
from monitor.runtime.account.account_service import AccountService, SharedServices
from monitor.runtime.account.supervisor import WatchedAccount
from monitor.runtime.odds_measurer import OddsMeasurer
from monitor.runtime.past_prices import PastPriceReader


class PastServices:
    """The reader of past prices and the measurer of odds, for all accounts."""

    def __init__(
        self,
        history: timedelta,
        shared: SharedServices,
        accounts: Mapping[str, WatchedAccount],
        services: Mapping[str, AccountService],
        notify: Callable[[Severity, str], Awaitable[None]],
    ) -> None:
        """`history` and `services` as for PastPriceReader; `accounts` are all that are configured, by name."""
        settings = {name: account.policy.settings for name, account in accounts.items()}
        self._reader = PastPriceReader(history, settings, services, shared, notify)
        self._measurer = OddsMeasurer(settings, services, shared.store, shared.clock, notify)

    async def run(self) -> None:
        """Run until cancelled; return at once where no past prices are wanted."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reader.run(), name="past prices")
            tasks.create_task(self._measurer.run(), name="odds")
