"""Polls as a witness against the account stream: a balance that moved must have been told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.model.account import CROSS, Balance, CrossSnapshot, IsolatedSnapshot, Scope
from monitor.core.numbers.amounts import ZERO
from monitor.exchange.binance.streams.async_waits import Span

ACCUSE_EVERY_S = 600.0
"""A stream that stays deaf is given up this often, not more: each time costs a connection and an announcement."""


@dataclass(slots=True)
class _Ear:
    """What polls saw and the stream told of one scope since it was subscribed; times in seconds of the clock."""

    since: float
    heard_at: float | None = None
    held: Mapping[str, Decimal] | None = None
    held_at: float | None = None
    untold: str = ""
    untold_for: Span | None = None


class Witness:
    """Compares every snapshot of a scope with the one before and with what the stream told between them."""

    def __init__(self, clock: Clock, untold_s: float) -> None:
        self._clock = clock
        self._untold_s = untold_s
        self._ears: dict[Scope, _Ear] = {}
        self._accused_at: float | None = None

    def subscribed(self, scope: Scope) -> None:
        """The scope is listened to from now on: what was seen before proves nothing."""
        self._ears[scope] = _Ear(self._clock.elapsed_s())

    def lost(self, scope: Scope) -> None:
        """The scope is not listened to any more, and everybody knows."""
        self._ears.pop(scope, None)

    def heard(self, scope: Scope) -> None:
        """The stream told something of the scope."""
        ear = self._ears.get(scope)
        if ear is not None:
            ear.heard_at = self._clock.elapsed_s()
            ear.untold, ear.untold_for = "", None

    def saw_cross(self, snapshot: CrossSnapshot, asked_at: float) -> None:
        """The cross account was read by a request sent at `asked_at`."""
        self._saw(CROSS, snapshot.balances.values(), asked_at)

    def saw_isolated(self, snapshot: IsolatedSnapshot, asked_at: float) -> None:
        """The isolated pairs were read by a request sent at `asked_at`."""
        for symbol, pair in snapshot.pairs.items():
            self._saw(Scope(symbol), (pair.base, pair.quote), asked_at)

    def verdict(self) -> str:
        """What proves that the stream is deaf; empty when nothing does. Given once, then not for ten minutes."""
        now = self._clock.elapsed_s()
        if self._accused_at is not None and now - self._accused_at < ACCUSE_EVERY_S:
            return ""
        for scope, ear in self._ears.items():
            if ear.untold_for is not None and ear.untold_for.is_over(self._untold_s):
                self._accused_at = now
                return f"deaf: {ear.untold} of {scope} changed and no event told it"
        return ""

    def _saw(self, scope: Scope, balances: Iterable[Balance], asked_at: float) -> None:
        ear = self._ears.get(scope)
        if ear is None or asked_at < ear.since:
            # It may have been answered before the stream began to listen.
            return
        held = {balance.asset: balance.held for balance in balances}
        before, before_at = ear.held, ear.held_at
        ear.held, ear.held_at = held, asked_at
        if before is None or before_at is None or ear.untold_for is not None:
            return
        was_told = ear.heard_at is not None and ear.heard_at >= before_at
        moved = [asset for asset in before.keys() | held.keys() if before.get(asset, ZERO) != held.get(asset, ZERO)]
        if moved and not was_told:
            ear.untold, ear.untold_for = ", ".join(sorted(moved)), Span(self._clock)
