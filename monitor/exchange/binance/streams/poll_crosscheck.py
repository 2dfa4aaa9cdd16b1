"""Cross-check of polls against the account stream: every balance change must have had an event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.model.account import CROSS, Balance, CrossSnapshot, IsolatedSnapshot, Scope
from monitor.core.numbers.amounts import ZERO
from monitor.exchange.binance.streams.async_waits import DualClockTimer

COMPLAIN_EVERY_S = 600.0
"""Minimum seconds between two complaints about a stream: each costs a connection and a report."""


@dataclass(slots=True)
class _Scope:
    """Balances from polls and events of one scope since it was subscribed; times in seconds of the clock."""

    watched_since: float
    event_at: float | None = None
    balances: Mapping[str, Decimal] | None = None
    balances_at: float | None = None
    missing_event: str = ""
    missing_since: DualClockTimer | None = None


class PollCrossCheck:
    """Comparison of every snapshot of a scope with the one before and with the stream's events between them."""

    def __init__(self, clock: Clock, missing_event_s: float) -> None:
        self._clock = clock
        self._missing_event_s = missing_event_s
        self._scopes: dict[Scope, _Scope] = {}
        self._complained_at: float | None = None

    def start_watching(self, scope: Scope) -> None:
        """Watch the scope from now on: earlier snapshots and events prove nothing."""
        self._scopes[scope] = _Scope(self._clock.elapsed_s())

    def stop_watching(self, scope: Scope) -> None:
        """Stop watching the scope, whose end of subscription is known."""
        self._scopes.pop(scope, None)

    def note_event(self, scope: Scope) -> None:
        """Note an event of the scope."""
        watched = self._scopes.get(scope)
        if watched is not None:
            watched.event_at = self._clock.elapsed_s()
            watched.missing_event, watched.missing_since = "", None

    def observe_cross(self, snapshot: CrossSnapshot, asked_at: float) -> None:
        """Compare the cross account as read by a request sent at `asked_at`."""
        self._observe(CROSS, snapshot.balances.values(), asked_at)

    def observe_isolated(self, snapshot: IsolatedSnapshot, asked_at: float) -> None:
        """Compare the isolated pairs as read by a request sent at `asked_at`."""
        for symbol, pair in snapshot.pairs.items():
            self._observe(Scope(symbol), (pair.base, pair.quote), asked_at)

    def complaint(self) -> str:
        """Return the proof that the stream misses events, else an empty text. Given once, then not for ten minutes."""
        now = self._clock.elapsed_s()
        if self._complained_at is not None and now - self._complained_at < COMPLAIN_EVERY_S:
            return ""
        for scope, watched in self._scopes.items():
            if watched.missing_since is not None and watched.missing_since.has_passed(self._missing_event_s):
                self._complained_at = now
                return f"deaf: {watched.missing_event} of {scope} changed and no event told it"
        return ""

    def _observe(self, scope: Scope, balances: Iterable[Balance], asked_at: float) -> None:
        watched = self._scopes.get(scope)
        if watched is None or asked_at < watched.watched_since:
            # The poll may have been answered before the stream was subscribed.
            return
        held = {balance.asset: balance.held for balance in balances}
        before, before_at = watched.balances, watched.balances_at
        watched.balances, watched.balances_at = held, asked_at
        if before is None or before_at is None or watched.missing_since is not None:
            return
        had_event = watched.event_at is not None and watched.event_at >= before_at
        moved = [asset for asset in before.keys() | held.keys() if before.get(asset, ZERO) != held.get(asset, ZERO)]
        if moved and not had_event:
            watched.missing_event, watched.missing_since = ", ".join(sorted(moved)), DualClockTimer(self._clock)
