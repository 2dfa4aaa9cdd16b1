"""Lookup of the exchange's user behind an account, and of the actions taken for that user under other names."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from monitor.clock import Clock
from monitor.core.model.events import Event, KeyRead
from monitor.core.model.reads import OwnerRead
from monitor.errors import ExchangeError, StoreError
from monitor.exchange.port import Exchange
from monitor.runtime.account.account_owners import AccountOwners
from monitor.store.store import Store
from monitor.store.writes import account_owners as owner_rows

log = logging.getLogger(__name__)

LOOKUP_RETRY_S = 5.0
"""Machine seconds until a failed read or write is tried again."""


class OwnerLookup:
    """One account's lookup: from the key's permissions, or the record of the key, to `OwnerRead`."""

    def __init__(
        self,
        account: str,
        exchange: Exchange,
        store: Store,
        clock: Clock,
        account_owners: AccountOwners,
        deliver: Callable[[Event], None],
    ) -> None:
        self._account = account
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._account_owners = account_owners
        self._deliver = deliver
        self._answered_uid: int | None = None
        self._requested = asyncio.Event()
        account_owners.reset(account)

    def note_key_read(self, event: Event) -> None:
        """Set the user number in `AccountOwners` at once if the event is a read of the key's permissions."""
        if not isinstance(event, KeyRead) or event.is_action_key or event.permissions is None:
            return
        uid = event.permissions.uid
        if uid is None or uid == self._answered_uid:
            return
        self._answered_uid = uid
        if uid != self._account_owners.find_uid(self._account):
            self._account_owners.reset(self._account)
        self._account_owners.set_uid(self._account, uid)
        self._requested.set()

    def request(self) -> None:
        """Look up again the actions taken in the account under other names."""
        self._requested.set()

    async def run(self, may_ask_exchange: asyncio.Event) -> None:
        """Look up the owner until cancelled. The exchange is asked, once allowed, where no record of the key exists."""
        while True:
            self._requested.clear()
            if not await self._load_owner():
                if may_ask_exchange.is_set() and self._answered_uid is None:
                    await self._ask_exchange()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOKUP_RETRY_S):
                        await (self._requested if may_ask_exchange.is_set() else may_ask_exchange).wait()
                continue
            await self._requested.wait()

    async def _load_owner(self) -> bool:
        try:
            found: OwnerRead | None = await self._store.execute(
                owner_rows.identify_owner,
                self._account,
                self._exchange.key_fingerprint,
                self._answered_uid,
                self._clock.now(),
            )
        except StoreError as error:
            log.warning("owner.unrecorded account=%s cause=%s", self._account, error)
            return False
        if found is None or (self._answered_uid is not None and found.uid != self._answered_uid):
            return False
        self._account_owners.set_uid(self._account, found.uid)
        self._deliver(found)
        self._account_owners.mark_identified(self._account)
        return True

    async def _ask_exchange(self) -> None:
        try:
            uid = await self._exchange.read_user_id()
        except ExchangeError as error:
            log.warning("owner.unknown account=%s cause=%s", self._account, error)
            return
        self._answered_uid = uid
        self._account_owners.set_uid(self._account, uid)
        self._requested.set()
