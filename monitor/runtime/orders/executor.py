"""The executor of one account's intents: claim, send once, record, and then only reads until settled."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from monitor.clock import Clock
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
from monitor.errors import ExchangeError, LeaseOutdated, StoreError
from monitor.exchange.port import Exchange
from monitor.runtime.orders.intent_recorder import IntentRecorder
from monitor.runtime.orders.order_reads import OrderReads
from monitor.runtime.orders.send_check import SendCheck
from monitor.runtime.orders.settler import Settler
from monitor.store.store import Store

log = logging.getLogger(__name__)

ROUND_S = 1.0
"""Machine seconds after which the executor checks for work without being woken."""

MAX_SNAPSHOT_TRIES = 3
MAX_MISSING_DATA_TRIES = 20
"""Rounds that a planned order waits, after a start, for the data that its checks need."""

SHUTDOWN_WAIT_S = 15.0
"""Machine seconds that a clean stop waits for the answer to an order that was sent."""

LOST_WINDOW = timedelta(minutes=1)
"""The span around a lost order in which the database may have lost other rows, too."""

_S = IntentState


class Executor:
    """The only sender of one account's orders: one at a time; their outcomes are observed in parallel.

    The executor's record of an intent is newer than the account's state: only the executor changes a planned intent.
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
        """`with_owner` returns a health with what is known now of the account's owner.

        `wake_channels` is called with channels that have something to send.
        """
        self._account = account
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._policy = policy
        self._deliver = deliver
        self._state = state
        self._local: dict[int, Intent] = {}
        self._uncertain_claims: dict[int, Intent] = {}
        self._deferrals: dict[int, int] = {}
        self._woken = asyncio.Event()
        self._order_reads = OrderReads(exchange, clock, deliver)
        self._check = SendCheck(store, clock, policy, self.state, with_owner)
        self._recorder = IntentRecorder(store, clock, policy.routing.channels, wake_channels, self._reopen_record)
        self._settler = Settler(
            self._order_reads, self._recorder, store, clock, policy, self.state, self._deliver_settled
        )

    def wake(self) -> None:
        """Notify the executor that there may be an order to send."""
        self._woken.set()

    @property
    def unsettled(self) -> tuple[Intent, ...]:
        """The orders that were sent, or may have been, and whose outcome can still be observed."""
        return (*self._in_state(_S.SUBMITTING), *self._settler.unsettled)

    async def run(self) -> None:
        """Send planned orders until cancelled. At the end an order that was sent is waited for within a limit."""
        await self._mark_interrupted()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._woken.clear()
                for intent in self._in_state(_S.PLANNED):
                    if intent.mode in ("approve", "live") and not self._check.must_wait:
                        await self._carry_out(intent)
                await self._abandon_lost_commands()
                self._settler.start_observing(tasks)
                with suppress(TimeoutError):
                    async with asyncio.timeout(ROUND_S):
                        await self._woken.wait()

    def state(self) -> AccountState:
        """Return the account's state with this executor's newer intents."""
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
        """Mark orders that were being sent when this account last failed as uncertain: observed, never sent."""
        for intent in self._in_state(_S.SUBMITTING):
            if intent.mode != "manual":
                await self._record_with_retry(
                    mark_uncertain(intent, self._clock.now(), "the sender ended while sending")
                )

    async def _abandon_lost_commands(self) -> None:
        """Abandon manual orders whose command ended while sending. While the command runs, its own record counts."""
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
        """Send one order, from the last checks to the recorded answer. Nothing is sent without a durable claim."""
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
        except LeaseOutdated as error:
            await self._expire(planned, error.message)
            return
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
            # A stop waits for the answer and its record: a known outcome is worth more than one to be settled.
            await asyncio.wait({sending}, timeout=SHUTDOWN_WAIT_S)
            sending.cancel()
            raise

    async def _revalidate(self, planned: Intent) -> tuple[Intent, AccountState] | None:
        """Return the intent sized on fresh reads, and that state; None when not to be sent, or not now."""
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
        # The reads took time: a pause, and intents that were settled meanwhile, count.
        current = self._check.current_state()
        fresh = replace(
            fresh,
            intents=current.intents,
            commands=current.commands,
            health=current.health,
            record_coverage=current.record_coverage,
            alerts=current.alerts,
            keys=replace(permissions.keys, owner=fresh.keys.owner),
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
        """Leave the intent to the next round; it expires after `tries` of them."""
        self._deferrals[planned.id] = self._deferrals.get(planned.id, 0) + 1
        if self._deferrals[planned.id] >= tries:
            await self._expire(planned, reason)

    async def _resolve_claim(self, planned: Intent) -> bool:
        """Return whether it is certain that no earlier claim of this intent was made.

        An intent that was claimed after all is not sent: only this executor could have sent it, and it has not.
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
        """Send the request, unless a condition no longer holds, and record the outcome.

        `asked_at` is the steady moment at which the claim, and with it the pause, was requested from the store.
        """
        if isinstance(claimed.order, ManualCall):
            raise TypeError(f"{claimed.order.function} is sent by who ordered it")
        known = await self._check.confirm_not_paused(claimed, asked_at)
        outcome = await self._exchange.execute(claimed.order, lambda: self._check.find_objection(claimed, sized, known))
        await self._record_with_retry(apply_outcome(claimed, outcome, self._clock.now()))

    async def _record_with_retry(self, moved: IntentUpdate) -> None:
        """Record a step that has happened, however long the store takes; until then nothing else is sent."""
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
        """Reopen the record around a lost order: the database may have lost other rows, too."""
        self._deliver(GapReopened((lost.submitted_at or lost.created_at) - LOST_WINDOW))

    def _deliver_settled(self, intent: Intent) -> None:
        self._local[intent.id] = intent
        self._deliver(IntentUpdated(intent))

    def _in_state(self, wanted: IntentState) -> list[Intent]:
        found: Mapping[int, Intent] = self.state().intents
        return sorted((i for i in found.values() if i.state is wanted), key=lambda intent: intent.id)
