"""A single read of one account for a command: nothing is recorded, decided or sent."""

from collections.abc import AsyncIterator

from monitor.clock import Clock
from monitor.core.model.events import (
    CrossRead,
    Event,
    IsolatedRead,
    LeverageTiersRead,
    PricesRead,
    ThresholdsRead,
    WalletRead,
)
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, KeyState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.scopes import needed_symbols, watched_scopes
from monitor.exchange.port import Exchange


async def read_account_once(exchange: Exchange, settings: AccountSettings, clock: Clock) -> AccountState:
    """Read balances, prices, thresholds and outside wallets now. Raises ExchangeError when a read fails."""
    state = AccountState(account=settings.account, started_at=clock.now(), keys=KeyState(is_accepted=True))
    snapshots = [event async for event in _snapshot_events(exchange, settings)]
    for event in snapshots:
        state = apply_account_event(state, event, clock.now())
    state = apply_account_event(
        state, PricesRead(await exchange.read_prices(sorted(needed_symbols(state, settings)))), clock.now()
    )
    # Once more after the prices: a snapshot is compared with the prices known when it is applied.
    for event in snapshots:
        state = apply_account_event(state, event, clock.now())
    async for event in _reference_events(exchange, settings, state):
        state = apply_account_event(state, event, clock.now())
    return state


async def _snapshot_events(exchange: Exchange, settings: AccountSettings) -> AsyncIterator[Event]:
    if settings.cross:
        yield CrossRead(await exchange.read_cross())
    if settings.isolated != ():
        yield IsolatedRead(await exchange.read_isolated())


async def _reference_events(exchange: Exchange, settings: AccountSettings, state: AccountState) -> AsyncIterator[Event]:
    """Read the thresholds of scopes with liabilities, and the wallets from which money could be brought in."""
    if settings.cross:
        yield ThresholdsRead(await exchange.read_thresholds())
    pairs = state.isolated.pairs if state.isolated is not None else {}
    for symbol in (scope.symbol for scope in watched_scopes(state, settings)):
        if symbol and symbol in pairs and (pairs[symbol].base.owed or pairs[symbol].quote.owed):
            yield LeverageTiersRead(symbol, await exchange.read_tiers(symbol))
    yield WalletRead("spot", await exchange.read_spot_wallet())
    yield WalletRead("funding", await exchange.read_funding_wallet())
