"""Sends what was decided, once: claim, send, record, and then only reads until it is settled."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.actions.final_check import final_check
from monitor.core.actions.revalidation import NotWanted, revalidate
from monitor.core.engine.step import Policy
from monitor.core.model.events import Event, HealthRead, IntentUpdated
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.core.model.order import ManualCall, Withheld
from monitor.core.model.reads import GapReopened
from monitor.core.numbers.amounts import format_decimal
from monitor.core.settlement.transitions import (
    IntentUpdate,
    abandon,
    apply_outcome,
    expire,
    is_abandoned,
    mark_uncertain,
)
from monitor.core.state.account_state import AccountState
from monitor.errors import ExchangeError, StoreError
from monitor.exchange.port import Exchange
from monitor.runtime import pause_file
from monitor.runtime.orders.intent_recorder import IntentRecorder
from monitor.runtime.orders.order_reads import OrderReads
from monitor.runtime.orders.settler import Settler
from monitor.store.store import Store
from monitor.store.writes import commands

log = logging.getLogger(__name__)

ROUND_S = 1.0
"""Machine seconds after which the executor looks for work even if nobody woke it."""

MAX_SNAPSHOT_TRIES = 3
MAX_MISSING_DATA_TRIES = 20
"""Rounds that a planned order waits, after a start, until what has to be known about it is known."""

SHUTDOWN_WAIT_S = 15.0
"""Machine seconds that a clean stop waits for an answer to an order that has left."""

PAUSE_CHECK_MAX_AGE_S = 1.0
"""Steady seconds within which a person's pause holds: what is known of it right before a send is no older."""

PAUSE_CHECK_VALID_S = 2 * PAUSE_CHECK_MAX_AGE_S
"""The same with what the exchange session waits between two orders."""

MAX_PAUSE_CHECKS = 2

LOST_WINDOW = timedelta(minutes=1)
"""What else a database may have lost that lacks an order that it once had recorded."""

_S = IntentState


class Executor:
    """One account's only sender. Orders go one at a time; their outcomes are looked into side by side.

    What it knows of an intent beyond the account's state is newer: it alone moves an intent once it is planned.
    """

    def __init__(
        self,
        *,
        account: str,
        exchange: Exchange,
        store: Store,
        clock: Clock,
        policy: Policy,
        deliver: Callable[[Event], None],
        state: Callable[[], AccountState],
        wake_channels: Callable[[Iterable[str]], None],
        with_owner: Callable[[HealthRead], HealthRead] = lambda health: health,
    ) -> None:
        """`claimed` lays over a health what is known at this moment of whose account it is. `wake_channels` is told
        which channels have something new to send."""
        self._account = account
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._policy = policy
        self._deliver = deliver
        self._state = state
        self._with_owner = with_owner
        self._local: dict[int, Intent] = {}
        self._uncertain_claims: dict[int, Intent] = {}
        self._deferrals: dict[int, int] = {}
        self._woken = asyncio.Event()
        self._order_reads = OrderReads(exchange, clock, deliver)
        self._recorder = IntentRecorder(store, clock, policy.routing.channels, wake_channels, self._reopen_record)
        self._settler = Settler(self._order_reads, self._recorder, clock, policy, self.state, self._deliver_settled)

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    @property
    def unsettled(self) -> tuple[Intent, ...]:
        """The orders that were sent, or may have been, and of which something may still be found out."""
        return (*self._in_state(_S.SUBMITTING), *self._settler.unsettled)

    async def run(self) -> None:
        """Until cancelled. An order that has left is waited for, for a while, before the end."""
        await self._mark_interrupted()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._woken.clear()
                for intent in self._in_state(_S.PLANNED):
                    if intent.mode in ("approve", "live"):
                        await self._carry_out(intent)
                await self._abandon_lost_commands()
                self._settler.start_observing(tasks)
                with suppress(TimeoutError):
                    async with asyncio.timeout(ROUND_S):
                        await self._woken.wait()

    def state(self) -> AccountState:
        """The account as decided, with what this executor did since."""
        state = self._state()
        for number, mine in list(self._local.items()):
            theirs = state.intents.get(number)
            is_judged_here = theirs is not None and theirs.awaits_judgement and not mine.awaits_judgement
            if (
                theirs is not None
                and (theirs.state is mine.state or theirs.state in FINAL_STATES)
                and not is_judged_here
            ):
                del self._local[number]
        return replace(state, intents={**state.intents, **self._local}) if self._local else state

    async def _mark_interrupted(self) -> None:
        """What was being sent when this account last fell is unknown now: it is looked into, never sent."""
        for intent in self._in_state(_S.SUBMITTING):
            if intent.mode != "manual":
                await self._record_with_retry(
                    mark_uncertain(intent, self._clock.now(), "the sender ended while sending")
                )

    async def _abandon_lost_commands(self) -> None:
        """A person's command may end in the middle, too. While it lives, its own word stands."""
        now = self._clock.now()
        lost = (i for i in self._in_state(_S.SUBMITTING) if i.mode == "manual" and is_abandoned(i, now))
        for moved in (step for intent in lost for step in abandon(intent, now)):
            try:
                if await self._recorder.record(moved):
                    self._deliver_settled(moved.intent)
            except StoreError as error:
                log.error("intent.unrecorded account=%s intent=%d cause=%s", self._account, moved.intent.id, error)
                return

    async def _carry_out(self, planned: Intent) -> None:
        """From the last look to the recorded answer. Nothing is sent without a claim that is durable."""
        if not await self._resolve_claim(planned):
            return
        found = await self._revalidate(planned)
        if found is None:
            return
        checked, sized = found
        now = self._clock.now()
        note = (
            f"{format_decimal(checked.amount)} {checked.asset} on a fresh snapshot" if checked.amount else checked.asset
        )
        sent = replace(checked, state=_S.SUBMITTING, submitted_at=now)
        asked_at = self._clock.machine.steady_s()
        try:
            claimed = await self._store.claim(replace(sent, state=checked.state), now, note)
        except StoreError as error:
            self._uncertain_claims[planned.id] = sent
            log.error("intent.unclaimed account=%s intent=%d cause=%s", self._account, planned.id, error)
            return
        if not claimed:
            await self._expire(planned, "actions are paused or stopped, or another of its kind is in flight")
            return
        self._local[sent.id] = sent
        log.info(
            "intent.claimed account=%s intent=%d kind=%s scope=%s asset=%s amount=%s",
            self._account,
            sent.id,
            sent.kind,
            sent.scope,
            sent.asset,
            format_decimal(sent.amount),
        )
        sending = asyncio.ensure_future(self._send(sent, sized, asked_at))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            # A stop waits for the answer, and for it to be written down: that is worth more than a question.
            await asyncio.wait({sending}, timeout=SHUTDOWN_WAIT_S)
            sending.cancel()
            raise

    async def _revalidate(self, planned: Intent) -> tuple[Intent, AccountState] | None:
        """The intent sized on fresh reads, and the state that it is sized on; None when not to be sent, or not now."""
        try:
            before = self.state()
            own_key = self._policy.settings.acts_with_own_key
            fresh, permissions = await asyncio.gather(
                self._order_reads.refresh_for(before, planned),
                self._order_reads.refresh_permissions(before, own_acting_key=own_key),
            )
        except ExchangeError as error:
            await self._defer(planned, f"no fresh snapshot: {error}", MAX_SNAPSHOT_TRIES)
            return None
        # The reads took time: a pause, or what this executor settled meanwhile, counts.
        current = self._current_state()
        fresh = replace(
            fresh,
            intents=current.intents,
            commands=current.commands,
            health=current.health,
            record_coverage=current.record_coverage,
            alerts=current.alerts,
            key_accepted=permissions.key_accepted,
            key=permissions.key,
            action_key_accepted=permissions.action_key_accepted,
            action_key=permissions.action_key,
        )
        checked = revalidate(fresh, planned, self._policy.actions, self._policy.settings, self._clock.now())
        if not isinstance(checked, NotWanted):
            return checked, fresh
        if checked.is_retryable:
            await self._defer(planned, checked.reason, MAX_MISSING_DATA_TRIES)
        else:
            await self._expire(planned, checked.reason, by_limit=checked.by_limit)
        return None

    async def _defer(self, planned: Intent, reason: str, tries: int) -> None:
        """The intent is looked at again in the next round, and expires after so many of them."""
        self._deferrals[planned.id] = self._deferrals.get(planned.id, 0) + 1
        if self._deferrals[planned.id] >= tries:
            await self._expire(planned, reason)

    async def _resolve_claim(self, planned: Intent) -> bool:
        """Whether it is certain that an earlier claim of this intent did not happen.

        One whose claim was made after all is not sent any more: only this sender could have, and it has not.
        """
        if planned.id not in self._uncertain_claims:
            return True
        late = Withheld("the database took too long to write it down", by_limit=True)
        doubtful = apply_outcome(self._uncertain_claims[planned.id], late, self._clock.now())
        try:
            was_claimed = await self._recorder.record(doubtful, has_left=False)
        except StoreError:
            return False
        del self._uncertain_claims[planned.id]
        if was_claimed:
            self._deliver_settled(doubtful.intent)
        return not was_claimed

    async def _expire(self, planned: Intent, reason: str, *, by_limit: bool = False) -> None:
        moved = expire(planned, self._clock.now(), reason, by_limit=by_limit)
        self._deferrals.pop(planned.id, None)
        try:
            if await self._recorder.record(moved):
                log.info("intent.expired account=%s intent=%d reason=%s", self._account, planned.id, reason)
                self._deliver_settled(moved.intent)
        except StoreError as error:
            log.error("intent.unrecorded account=%s intent=%d cause=%s", self._account, planned.id, error)

    async def _send(self, claimed: Intent, sized: AccountState, asked_at: float) -> None:
        """The one request, or none where something has ceased to hold, and what came of it.

        `asked_at` is the steady moment at which the claim was asked for, and with it whether actions are paused.
        """
        if isinstance(claimed.order, ManualCall):
            raise TypeError(f"{claimed.order.function} is sent by who ordered it")
        known = await self._confirm_not_paused(claimed, asked_at)
        outcome = await self._exchange.execute(claimed.order, lambda: self._objection(claimed, sized, known))
        await self._record_with_retry(apply_outcome(claimed, outcome, self._clock.now()))

    def _objection(self, claimed: Intent, sized: AccountState, known: float | Withheld) -> Withheld | None:
        """Why the order must not leave any more, by all that is known at this moment."""
        if isinstance(known, Withheld):
            return known
        settings, specs = self._policy.settings, self._policy.actions
        found = final_check(sized, self._current_state(), claimed, specs, settings, self._clock.now())
        if found is None and self._clock.machine.steady_s() - known > PAUSE_CHECK_VALID_S:
            return Withheld("it took too long to be sure that actions are not paused", by_limit=True)
        return found

    def _current_state(self) -> AccountState:
        """The account as decided, with whether the pause file is there now, and whose account it is."""
        current = self.state()
        there = pause_file.exists(self._policy.safety.pause_file)
        claimed = self._with_owner(current.health)
        # That it is known counts once decisions have what follows from it.
        unidentified = claimed.unidentified_account or current.health.unidentified_account
        return replace(current, health=replace(claimed, pause_file=there, unidentified_account=unidentified))

    async def _confirm_not_paused(self, claimed: Intent, asked_at: float) -> float | Withheld:
        """The steady moment at which actions were not paused and the intent was this sender's; or why not to send.

        The claim looked at `asked_at`; people may have paused since, or another daemon given the intent up.
        """
        for _ in range(MAX_PAUSE_CHECKS):
            again_at = self._clock.machine.steady_s()
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(PAUSE_CHECK_MAX_AGE_S):
                    is_paused, state = await self._store.read(commands.read_pause_and_state, claimed.id)
                if is_paused:
                    return Withheld("actions were paused while it was being written down", by_limit=True)
                if state is not _S.SUBMITTING:
                    return Withheld(f"another daemon took it for given up: it is {state or 'gone'}")
                asked_at = again_at
            if self._clock.machine.steady_s() - asked_at < PAUSE_CHECK_MAX_AGE_S:
                break
        return asked_at

    async def _record_with_retry(self, moved: IntentUpdate) -> None:
        """Records a step that has happened, however long the store takes; until then nothing else is sent."""
        intent, step = moved.intent, moved.step
        recorded: bool | None = None
        while recorded is None:
            try:
                recorded = await self._recorder.record(moved)
            except StoreError as error:
                log.error("intent.unrecorded account=%s intent=%d cause=%s", self._account, intent.id, error)
                await self._clock.sleep(1)
        if not recorded:
            log.error("intent.moved_elsewhere account=%s intent=%d", self._account, intent.id)
        log.info("intent.%s account=%s id=%d note=%s", intent.state.lower(), self._account, intent.id, step.note)
        self._deliver_settled(intent)

    def _reopen_record(self, lost: Intent) -> None:
        """A database that has lost one order may lack what else was done around it."""
        self._deliver(GapReopened((lost.submitted_at or lost.created_at) - LOST_WINDOW))

    def _deliver_settled(self, intent: Intent) -> None:
        self._local[intent.id] = intent
        self._deliver(IntentUpdated(intent))

    def _in_state(self, wanted: IntentState) -> list[Intent]:
        found: Mapping[int, Intent] = self.state().intents
        return sorted((i for i in found.values() if i.state is wanted), key=lambda intent: intent.id)
