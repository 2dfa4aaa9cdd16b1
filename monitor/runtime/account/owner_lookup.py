"""Learns whose account it is at the exchange, remembers it, and tells decisions what was done in it elsewhere."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from monitor.clock import Clock
from monitor.core.model.events import Event, KeyRead
from monitor.core.model.reads import OwnerRead
from monitor.errors import ExchangeError, StoreError
from monitor.exchange.port import Exchange
from monitor.runtime.account.account_owners import Owners
from monitor.store.store import Store
from monitor.store.writes import account_owners as owner_rows

log = logging.getLogger(__name__)

AGAIN_S = 5.0
"""Machine seconds until what could not be read or recorded is tried again."""


class Identifying:
    """One account's part: from the key's answer, or what is remembered of the key, to `OwnerRead`."""

    def __init__(
        self,
        account: str,
        exchange: Exchange,
        store: Store,
        clock: Clock,
        owners: Owners,
        deliver: Callable[[Event], None],
    ) -> None:
        self._account = account
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._owners = owners
        self._deliver = deliver
        self._answer: int | None = None
        self._wanted = asyncio.Event()
        owners.begin(account)

    def heard(self, event: Event) -> None:
        """Note whose account it is where the event tells: `Owners` knows it from that moment on."""
        if not isinstance(event, KeyRead) or event.acting or event.permissions is None:
            return
        uid = event.permissions.uid
        if uid is None or uid == self._answer:
            return
        self._answer = uid
        if uid != self._owners.uid(self._account):
            self._owners.begin(self._account)
        self._owners.learn(self._account, uid)
        self._wanted.set()

    def again(self) -> None:
        """Look once more at what was done in the account under other names."""
        self._wanted.set()

    async def run(self, may_ask: asyncio.Event) -> None:
        """Until cancelled. The exchange is asked, once it may be, where nothing is remembered of the key."""
        while True:
            self._wanted.clear()
            if not await self._taken_up():
                if may_ask.is_set() and self._answer is None:
                    await self._ask()
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_S):
                        await (self._wanted if may_ask.is_set() else may_ask).wait()
                continue
            await self._wanted.wait()

    async def _taken_up(self) -> bool:
        try:
            found: OwnerRead | None = await self._store.order(
                owner_rows.take_up, self._account, self._exchange.key_mark, self._answer, self._clock.now()
            )
        except StoreError as error:
            log.warning("owner.unrecorded account=%s cause=%s", self._account, error)
            return False
        if found is None or (self._answer is not None and found.uid != self._answer):
            return False
        self._owners.learn(self._account, found.uid)
        self._deliver(found)
        self._owners.finish(self._account)
        return True

    async def _ask(self) -> None:
        try:
            uid = await self._exchange.read_identity()
        except ExchangeError as error:
            log.warning("owner.unknown account=%s cause=%s", self._account, error)
            return
        self._answer = uid
        self._owners.learn(self._account, uid)
        self._wanted.set()
