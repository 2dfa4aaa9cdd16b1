"""Reads of one account's activity: movements, open orders, the liquidation loan."""

from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.events import Event
from monitor.core.model.reads import LedgerRead, TransfersRead
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.attribution import needs_repayment_history
from monitor.core.state.live_balances import live_scope_balances
from monitor.core.state.open_orders import OpenOrders
from monitor.core.state.scopes import scopes_with_balances, watched_scopes
from monitor.exchange.port import Exchange
from monitor.runtime.account.poller import GuardedRead

FIRST_LEDGER_WINDOW = timedelta(days=7)
"""The span of a ledger that was never read: as far back as one request reaches."""

LEDGER_OVERLAP = timedelta(minutes=10)
"""The end of the previous read is read again: a history may show movements late."""

MAX_LEDGER_AGE = timedelta(hours=24)
"""The longest time between two reads of a scope without movements: each costs a hundred of weight."""

TRANSFER_WINDOW = timedelta(hours=24)
MIN_ORDERS_READ_GAP_S = 30.0
"""Open orders are not read again within this time, whatever requests it."""


class ActivityReader:
    """Reads by name; a failure affects its own scope alone."""

    def __init__(
        self,
        exchange: Exchange,
        settings: AccountSettings,
        clock: Clock,
        deliver: Callable[[Event], None],
        state: Callable[[], AccountState],
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._state = state
        self._ledger_read: set[Scope] = set()
        self._transfers_read: set[Scope] = set()

    async def read_ledger(self, run_guarded: GuardedRead) -> None:
        """Read the margin ledger of every scope with movements since, or not read for a day."""
        for scope in self._scopes_with_ledger():
            if not self._ledger_is_due(scope):
                continue

            async def read(scope: Scope = scope) -> None:
                known, now = self._state().activity.ledger_read_until.get(scope), self._clock.now()
                since = (
                    now - FIRST_LEDGER_WINDOW
                    if known is None
                    else max(known - LEDGER_OVERLAP, now - FIRST_LEDGER_WINDOW)
                )
                around = self._exchange.activity
                rows = await around.read_ledger(scope, since, now)
                repayments = await around.read_repayments(scope, since, now) if needs_repayment_history(rows) else ()
                self._ledger_read.add(scope)
                self._deliver(LedgerRead(scope, since, now, rows, repayments))

            await run_guarded("capital_flow", scope, read)

    async def read_transfers(self, run_guarded: GuardedRead) -> None:
        """Read transfers into and out of every scope; at the first call those of a week."""
        for scope in scopes_with_balances(self._state(), self._settings):

            async def read(scope: Scope = scope) -> None:
                now = self._clock.now()
                # After a start the read covers the time without reads, too.
                since = now - (TRANSFER_WINDOW if scope in self._transfers_read else FIRST_LEDGER_WINDOW)
                self._deliver(TransfersRead(scope, await self._exchange.activity.read_transfers(scope, since, now)))
                self._transfers_read.add(scope)

            await run_guarded("transfers", scope, read)

    async def read_open_orders(self, run_guarded: GuardedRead) -> None:
        """Read the open orders of every scope with a locked balance; without one there is no open order."""
        for scope in scopes_with_balances(self._state(), self._settings):
            known = self._state().activity.orders.get(scope, OpenOrders())
            has_locked = any(balance.locked for balance in live_scope_balances(self._state(), scope))
            if not (has_locked or known.order_ids) or self._is_recent(known.read_at, scope):
                continue

            async def read(scope: Scope = scope) -> None:
                self._deliver(await self._exchange.activity.read_open_orders(scope))

            await run_guarded("orders", scope, read)

    async def read_liquidation_loan(self, run_guarded: GuardedRead) -> None:
        """Read the loan that a bankrupt liquidation of cross left."""
        if not self._settings.cross:
            return

        async def read() -> None:
            self._deliver(await self._exchange.activity.read_liquidation_loan(self._clock.now()))

        await run_guarded("liquidation_loan", CROSS, read)

    def _scopes_with_ledger(self) -> tuple[Scope, ...]:
        """Return the scopes with balances, and those that may have been emptied since their ledger was read.

        A liquidation empties a scope, also while no daemon runs: its last movements count all the same.
        """
        state, now = self._state(), self._clock.now()
        with_balances, activity = scopes_with_balances(state, self._settings), state.activity
        known = {scope for scope, read_at in activity.ledger_read_until.items() if now - read_at < FIRST_LEDGER_WINDOW}
        emptied = known | activity.ledger_stale_since.keys() | ({CROSS} if state.cross is not None else set())
        return tuple(
            scope for scope in watched_scopes(state, self._settings) if scope in with_balances or scope in emptied
        )

    def _ledger_is_due(self, scope: Scope) -> bool:
        activity = self._state().activity
        read_at = activity.ledger_read_until.get(scope)
        if read_at is None or scope not in self._ledger_read or scope in activity.ledger_stale_since:
            return True
        return self._clock.now() - read_at >= MAX_LEDGER_AGE

    def _is_recent(self, read_at: datetime | None, scope: Scope) -> bool:
        if read_at is None or scope in self._state().activity.order_mismatch:
            return False
        return (self._clock.now() - read_at).total_seconds() < MIN_ORDERS_READ_GAP_S
