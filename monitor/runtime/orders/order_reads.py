"""Fresh reads around an order: the account right before sending, and the traces of the order after."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.actions.revalidation import order_balances
from monitor.core.model.account import CROSS, KeyPermissions, Scope
from monitor.core.model.events import CrossRead, Event, IsolatedRead, KeyRead, PricesRead, WalletRead
from monitor.core.model.intent import Intent
from monitor.core.model.order import ManualCall, Reduce, TimeWindow, Transfer
from monitor.core.settlement.ledger_evidence import sum_other_transfers
from monitor.core.settlement.observation import CLOCK_TOLERANCE, Observation
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.errors import ExchangeError, KeyInvalid, PayloadRejected
from monitor.exchange.port import Exchange

KEY_TIMEOUT_S = 0.5
"""Machine seconds that an order waits for the permissions of its key: in a crash a late order is worse."""

_WINDOW_AHEAD = timedelta(minutes=1)


class OrderReads:
    """Reads of everything that an order touches; each result is also delivered, for decisions to use at once."""

    def __init__(self, exchange: Exchange, clock: Clock, deliver: Callable[[Event], None]) -> None:
        self._exchange = exchange
        self._clock = clock
        self._deliver = deliver

    async def refresh_scopes(self, state: AccountState, intent: Intent, *scopes: Scope) -> AccountState:
        """Return `state` with fresh reads of `scopes` and of all that the order touches. Raises ExchangeError."""
        places = _sources(intent, scopes)
        return _require_complete(
            await self._apply_reads(state, [self._read(place, state) for place in places]), intent, scopes
        )

    async def refresh_for(self, state: AccountState, intent: Intent) -> AccountState:
        """Return `state` with fresh reads of everything that sizes the order, including its trade price."""
        reads = [self._read(place, state) for place in _sources(intent, (intent.target_scope,))]
        if isinstance(intent.order, Reduce):
            reads.append(self._price(intent.order.symbol))
        return _require_complete(await self._apply_reads(state, reads), intent, (intent.target_scope,))

    async def _apply_reads(self, state: AccountState, reads: Iterable[Awaitable[Event]]) -> AccountState:
        now = self._clock.now()
        for event in await asyncio.gather(*reads):
            self._deliver(event)
            state = apply_account_event(state, event, now)
        return state

    async def refresh_permissions(self, state: AccountState, *, own_acting_key: bool) -> AccountState:
        """Return `state` with the keys' present permissions; those last known where a read takes too long."""
        reads = [self._read_permissions(state.keys.permissions, is_action_key=False)]
        if own_acting_key:
            reads.append(self._read_permissions(state.keys.action_permissions, is_action_key=True))
        for event in await asyncio.gather(*reads):
            if event is not None:
                self._deliver(event)
                state = apply_account_event(state, event, event.at)
        return state

    async def _read_permissions(self, known: KeyPermissions | None, *, is_action_key: bool) -> KeyRead | None:
        try:
            async with asyncio.timeout(KEY_TIMEOUT_S):
                return KeyRead(
                    True,
                    await read_key_permissions(self._exchange, known, is_action_key=is_action_key),
                    self._clock.now(),
                    is_action_key,
                )
        except KeyInvalid:
            return KeyRead(False, None, self._clock.now(), is_action_key)
        except (ExchangeError, TimeoutError):
            return None

    async def observe(self, state: AccountState, intent: Intent) -> tuple[Observation, AccountState]:
        """Return one observation of an order's traces, and the state at that time. Raises ExchangeError.

        Records are read first: balances read after them can only show more.
        """
        if isinstance(intent.order, ManualCall):
            raise TypeError(f"{intent.order.function} leaves no trace that could be looked for")
        records = await self._exchange.find_records(intent.order, self._window(intent))
        seen = await self.refresh_scopes(state, intent)
        totals = order_balances(seen, intent.order)
        snapshot = seen.cross if intent.scope == CROSS else seen.isolated
        at = snapshot.as_of if snapshot is not None else self._clock.now()
        elsewhere = sum_other_transfers(intent, seen.intents.values())
        return Observation(at, records, totals.owed, totals.free, totals.source, elsewhere), seen

    async def add_ledger(self, look: Observation, intent: Intent) -> Observation:
        """Return the observation with the present rows of the margin ledger. Raises ExchangeError."""
        if isinstance(intent.order, ManualCall):
            raise TypeError(f"{intent.order.function} leaves no trace that could be looked for")
        rows = await self._exchange.find_ledger_rows(intent.order, self._window(intent))
        return replace(look, ledger=rows)

    def _window(self, intent: Intent) -> TimeWindow:
        """Return the window of the order's possible traces, in the exchange's time."""
        sent = intent.submitted_at if intent.submitted_at is not None else intent.created_at
        return TimeWindow(sent - CLOCK_TOLERANCE, self._clock.now() + _WINDOW_AHEAD)

    async def _read(self, place: str, state: AccountState) -> Event:
        match place:
            case "isolated":
                return IsolatedRead(await self._exchange.read_isolated(), state.prices.newest)
            case "spot":
                return WalletRead("spot", await self._exchange.read_spot_wallet())
            case "funding":
                return WalletRead("funding", await self._exchange.read_funding_wallet())
            case _:
                return CrossRead(await self._exchange.read_cross(), state.prices.newest)

    async def _price(self, symbol: str) -> Event:
        return PricesRead(await self._exchange.read_prices([symbol]))


def _require_complete(state: AccountState, intent: Intent, scopes: Iterable[Scope]) -> AccountState:
    """Return the state. Raises PayloadRejected where a row that the order touches was rejected in these reads."""
    for scope in (intent.scope, *scopes):
        if scope.symbol and state.isolated is not None and scope.symbol in state.isolated.rejected:
            raise PayloadRejected(f"the row of {scope.symbol} can't be believed")
        if scope == CROSS and state.cross is not None and state.cross.rejected:
            raise PayloadRejected(f"the row of {', '.join(sorted(state.cross.rejected))} in cross can't be believed")
    return state


def _sources(intent: Intent, scopes: Iterable[Scope]) -> list[str]:
    places = {scope.kind for scope in (intent.scope, *scopes)}
    source = {intent.order.source} if isinstance(intent.order, Transfer) else set()
    return sorted(places | source)


async def read_key_permissions(
    exchange: Exchange, known: KeyPermissions | None, *, is_action_key: bool
) -> KeyPermissions:
    """Return a key's permissions and its user number; the last known user number where that can't be read.

    Raises ExchangeError.
    """
    reads = (
        (exchange.read_action_key(), exchange.read_action_user_id())
        if is_action_key
        else (exchange.read_key(), exchange.read_user_id())
    )
    permissions, uid = await asyncio.gather(*reads, return_exceptions=True)
    if isinstance(permissions, BaseException):
        raise permissions
    if isinstance(uid, ExchangeError):
        return replace(permissions, uid=None if known is None else known.uid)
    if isinstance(uid, BaseException):
        raise uid
    return replace(permissions, uid=uid)
