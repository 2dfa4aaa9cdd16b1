"""Checks of a claimed order between its claim and its first byte."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from monitor.clock import Clock
from monitor.core.actions.final_check import run_final_check
from monitor.core.engine.step import Policy
from monitor.core.model.events import HealthRead
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Withheld
from monitor.core.state.account_state import AccountState
from monitor.errors import StoreError
from monitor.runtime import pause_file
from monitor.store.store import Store
from monitor.store.writes import commands

PAUSE_CHECK_MAX_AGE_S = 1.0
"""Steady seconds within which a person's pause takes effect: the last check before a send is no older."""

PAUSE_CHECK_VALID_S = 2 * PAUSE_CHECK_MAX_AGE_S
"""The limit of the check's age, with the time that the exchange session waits between two orders."""

MAX_PAUSE_CHECKS = 2


class SendCheck:
    """The checks of one account's claimed orders, by the newest that is known when they are asked."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        policy: Policy,
        state: Callable[[], AccountState],
        with_owner: Callable[[HealthRead], HealthRead],
    ) -> None:
        """`with_owner` returns a health with what is known now of the account's owner."""
        self._store = store
        self._clock = clock
        self._policy = policy
        self._state = state
        self._with_owner = with_owner

    @property
    def must_wait(self) -> bool:
        """True while a daemon that held the account before this one may still be sending."""
        lease = self._store.lease_of(self._policy.settings.account)
        return lease is not None and lease.sends_in_s > 0

    def current_state(self) -> AccountState:
        """Return the account's state with the pause file as it is now and the account's owner."""
        current = self._state()
        there = pause_file.exists(self._policy.safety.pause_file)
        claimed = self._with_owner(current.health)
        # The owner counts as known once the decisions include what follows from that.
        unidentified = claimed.unidentified_account or current.health.unidentified_account
        return replace(current, health=replace(claimed, pause_file=there, unidentified_account=unidentified))

    async def confirm_not_paused(self, claimed: Intent, asked_at: float) -> float | Withheld:
        """Return the steady moment at which the intent was still this sender's and actions were not paused.

        Otherwise return why not to send. The claim was checked `asked_at`; people may have paused since, or another
        daemon may have abandoned the intent.
        """
        for _ in range(MAX_PAUSE_CHECKS):
            again_at = self._clock.machine.steady_s()
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(PAUSE_CHECK_MAX_AGE_S):
                    is_paused, state = await self._store.read(commands.read_pause_and_state, claimed.id)
                if is_paused:
                    return Withheld("actions were paused while it was being written down", by_limit=True)
                if state is not IntentState.SUBMITTING:
                    return Withheld(f"another daemon took it for given up: it is {state or 'gone'}")
                asked_at = again_at
            if self._clock.machine.steady_s() - asked_at < PAUSE_CHECK_MAX_AGE_S:
                break
        return asked_at

    def find_objection(self, claimed: Intent, sized: AccountState, known: float | Withheld) -> Withheld | None:
        """Return why the order must not be sent any more, by everything known at this moment.

        `sized` is the state that it was sized on, `known` the result of `confirm_not_paused`.
        """
        if isinstance(known, Withheld):
            return known
        settings, specs = self._policy.settings, self._policy.actions
        found = run_final_check(sized, self.current_state(), claimed, specs, settings, self._clock.now())
        if found is None and self._clock.machine.steady_s() - known > PAUSE_CHECK_VALID_S:
            found = Withheld("it took too long to be sure that actions are not paused", by_limit=True)
        if found is None:
            lease = self._store.lease_of(settings.account)
            if lease is not None:
                found = lease.find_objection()
            elif self._store.is_shared:
                found = Withheld("this daemon does not hold the account any more")
        return found
