"""Fresh reads around an order: what the account shows right before it is sent, and whether it left a trace."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.actions.revalidation import balances
from monitor.core.model.account import CROSS, KeyPermissions, Scope
from monitor.core.model.events import CrossRead, Event, IsolatedRead, KeyRead, PricesRead, WalletRead
from monitor.core.model.intent import Intent
from monitor.core.model.order import ByName, Reduce, Transfer, Window
from monitor.core.settlement.ledger_evidence import given_elsewhere
from monitor.core.settlement.observation import EARLY, Look
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from monitor.errors import ExchangeError, KeyInvalid, PayloadRejected
from monitor.exchange.port import Exchange

KEY_PATIENCE_S = 0.5
"""How long an order waits to learn what its key may do now (machine seconds): a crash doesn't wait."""

_AHEAD = timedelta(minutes=1)


class Snapshots:
    """Reads what an order touches; what comes is also delivered, so that decisions see it as soon as we do."""

    def __init__(self, exchange: Exchange, clock: Clock, deliver: Callable[[Event], None]) -> None:
        self._exchange = exchange
        self._clock = clock
        self._deliver = deliver

    async def refresh(self, state: AccountState, intent: Intent, *scopes: Scope) -> AccountState:
        """`state` with everything read anew that the order touches, and `scopes`. Raises ExchangeError."""
        places = _places(intent, scopes)
        return _whole(await self._with(state, [self._read(place) for place in places]), intent, scopes)

    async def before(self, state: AccountState, intent: Intent) -> AccountState:
        """`state` with everything read anew that sizes the order, the price that it trades at as well."""
        reads = [self._read(place) for place in _places(intent, (intent.helps,))]
        if isinstance(intent.order, Reduce):
            reads.append(self._price(intent.order.symbol))
        return _whole(await self._with(state, reads), intent, (intent.helps,))

    async def _with(self, state: AccountState, reads: Iterable[Awaitable[Event]]) -> AccountState:
        now = self._clock.now()
        for event in await asyncio.gather(*reads):
            self._deliver(event)
            state = apply(state, event, now)
        return state

    async def rights(self, state: AccountState, *, own_acting_key: bool) -> AccountState:
        """`state` with what the keys may do now; as it was last known where that does not come in time."""
        reads = [self._rights_of(state.key, acting=False)]
        if own_acting_key:
            reads.append(self._rights_of(state.action_key, acting=True))
        for event in await asyncio.gather(*reads):
            if event is not None:
                self._deliver(event)
                state = apply(state, event, event.at)
        return state

    async def _rights_of(self, known: KeyPermissions | None, *, acting: bool) -> KeyRead | None:
        try:
            async with asyncio.timeout(KEY_PATIENCE_S):
                return KeyRead(True, await read_rights(self._exchange, known, acting=acting), self._clock.now(), acting)
        except KeyInvalid:
            return KeyRead(False, None, self._clock.now(), acting)
        except (ExchangeError, TimeoutError):
            return None

    async def look(self, state: AccountState, intent: Intent) -> tuple[Look, AccountState]:
        """One look for the traces of an order, and the state as it then was. Raises ExchangeError.

        Records first: balances read after them can only tell more.
        """
        if isinstance(intent.order, ByName):
            raise TypeError(f"{intent.order.function} leaves no trace that could be looked for")
        records = await self._exchange.find_records(intent.order, self._window(intent))
        seen = await self.refresh(state, intent)
        shown = balances(seen, intent.order)
        snapshot = seen.cross if intent.scope == CROSS else seen.isolated
        at = snapshot.as_of if snapshot is not None else self._clock.now()
        elsewhere = given_elsewhere(intent, seen.intents.values())
        return Look(at, records, shown.owed, shown.free, shown.source, elsewhere), seen

    async def with_ledger(self, look: Look, intent: Intent) -> Look:
        """The look with what the margin ledger shows by now. Raises ExchangeError."""
        if isinstance(intent.order, ByName):
            raise TypeError(f"{intent.order.function} leaves no trace that could be looked for")
        rows = await self._exchange.find_flow(intent.order, self._window(intent))
        return replace(look, ledger=rows)

    def _window(self, intent: Intent) -> Window:
        """Where traces of the order may lie, in the exchange's time."""
        sent = intent.submitted_at if intent.submitted_at is not None else intent.created_at
        return Window(sent - EARLY, self._clock.now() + _AHEAD)

    async def _read(self, place: str) -> Event:
        match place:
            case "isolated":
                return IsolatedRead(await self._exchange.read_isolated())
            case "spot":
                return WalletRead("spot", await self._exchange.read_spot())
            case "funding":
                return WalletRead("funding", await self._exchange.read_funding())
            case _:
                return CrossRead(await self._exchange.read_cross())

    async def _price(self, symbol: str) -> Event:
        return PricesRead(await self._exchange.read_prices([symbol]))


def _whole(state: AccountState, intent: Intent, scopes: Iterable[Scope]) -> AccountState:
    """The state. Raises PayloadRejected where something that the order touches was left out of what was just read."""
    for scope in (intent.scope, *scopes):
        if scope.symbol and state.isolated is not None and scope.symbol in state.isolated.rejected:
            raise PayloadRejected(f"the row of {scope.symbol} can't be believed")
        if scope == CROSS and state.cross is not None and state.cross.rejected:
            raise PayloadRejected(f"the row of {', '.join(sorted(state.cross.rejected))} in cross can't be believed")
    return state


def _places(intent: Intent, scopes: Iterable[Scope]) -> list[str]:
    places = {scope.kind for scope in (intent.scope, *scopes)}
    source = {intent.order.source} if isinstance(intent.order, Transfer) else set()
    return sorted(places | source)


async def read_rights(exchange: Exchange, known: KeyPermissions | None, *, acting: bool) -> KeyPermissions:
    """What a key may do and whose it is, by the exchange's number of the user; that as last known where it can't be
    read. Raises ExchangeError."""
    reads = (
        (exchange.read_acting_key(), exchange.read_acting_identity())
        if acting
        else (exchange.read_key(), exchange.read_identity())
    )
    rights, uid = await asyncio.gather(*reads, return_exceptions=True)
    if isinstance(rights, BaseException):
        raise rights
    if isinstance(uid, ExchangeError):
        return replace(rights, uid=None if known is None else known.uid)
    if isinstance(uid, BaseException):
        raise uid
    return replace(rights, uid=uid)
