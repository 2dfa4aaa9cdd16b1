"""Sends what was decided, once: claim, send, record, and then only reads until it is settled."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.actions.final_check import last_look
from monitor.core.actions.revalidation import NoLonger, recheck
from monitor.core.engine.step import Policy
from monitor.core.model.events import ActionSettled, Event, HealthRead
from monitor.core.model.intent import FINAL, Intent, IntentState
from monitor.core.model.order import ByName, Withheld
from monitor.core.model.reads import RecordReopened
from monitor.core.numbers.amounts import plain
from monitor.core.settlement.transitions import Moved, abandoned, answered, expired, given_up, is_abandoned
from monitor.core.state.account_state import AccountState
from monitor.errors import ExchangeError, StoreError
from monitor.exchange.port import Exchange
from monitor.runtime import pause_file
from monitor.runtime.orders.intent_recorder import Recorder
from monitor.runtime.orders.order_reads import Snapshots
from monitor.runtime.orders.settler import Settler
from monitor.store.store import Store
from monitor.store.writes import commands

log = logging.getLogger(__name__)

LOOK_ROUND_S = 1.0
"""Machine seconds after which the executor looks for work even if nobody woke it."""

FRESH_TRIES = 3
KNOWING_TRIES = 20
"""Rounds that a planned order waits, after a start, until what has to be known about it is known."""

PARTING_S = 15.0
"""Machine seconds that a clean stop waits for an answer to an order that has left."""

PAUSE_HOLDS_S = 1.0
"""Steady seconds within which a person's pause holds: what is known of it right before a send is no older."""

PAUSE_KNOWN_FOR_S = 2 * PAUSE_HOLDS_S
"""The same with what the exchange session waits between two orders."""

PAUSE_TRIES = 2

LOST_AROUND = timedelta(minutes=1)
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
        claimed: Callable[[HealthRead], HealthRead] = lambda health: health,
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
        self._claimed = claimed
        self._own: dict[int, Intent] = {}
        self._in_doubt: dict[int, Intent] = {}
        self._put_off_times: dict[int, int] = {}
        self._woken = asyncio.Event()
        self._snapshots = Snapshots(exchange, clock, deliver)
        self._recorder = Recorder(store, clock, policy.audience.channels, wake_channels, self._reopen)
        self._settler = Settler(self._snapshots, self._recorder, clock, policy, self.state, self._settled)

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    @property
    def unsettled(self) -> tuple[Intent, ...]:
        """The orders that were sent, or may have been, and of which something may still be found out."""
        return (*self._in_state(_S.SUBMITTING), *self._settler.unsettled)

    async def run(self) -> None:
        """Until cancelled. An order that has left is waited for, for a while, before the end."""
        await self._adopt()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._woken.clear()
                for intent in self._in_state(_S.PLANNED):
                    if intent.mode in ("approve", "live"):
                        await self._carry_out(intent)
                await self._give_up_lost()
                self._settler.look_into(tasks)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_ROUND_S):
                        await self._woken.wait()

    def state(self) -> AccountState:
        """The account as decided, with what this executor did since."""
        state = self._state()
        for number, mine in list(self._own.items()):
            theirs = state.intents.get(number)
            is_judged_here = theirs is not None and theirs.awaits_judgement and not mine.awaits_judgement
            if theirs is not None and (theirs.state is mine.state or theirs.state in FINAL) and not is_judged_here:
                del self._own[number]
        return replace(state, intents={**state.intents, **self._own}) if self._own else state

    async def _adopt(self) -> None:
        """What was being sent when this account last fell is unknown now: it is looked into, never sent."""
        for intent in self._in_state(_S.SUBMITTING):
            if intent.mode != "manual":
                await self._record_surely(abandoned(intent, self._clock.now(), "the sender ended while sending"))

    async def _give_up_lost(self) -> None:
        """A person's command may end in the middle, too. While it lives, its own word stands."""
        now = self._clock.now()
        lost = (i for i in self._in_state(_S.SUBMITTING) if i.mode == "manual" and is_abandoned(i, now))
        for moved in (step for intent in lost for step in given_up(intent, now)):
            try:
                if await self._recorder.record(moved):
                    self._settled(moved.intent)
            except StoreError as error:
                log.error("intent.unrecorded account=%s intent=%d cause=%s", self._account, moved.intent.id, error)
                return

    async def _carry_out(self, planned: Intent) -> None:
        """From the last look to the recorded answer. Nothing is sent without a claim that is durable."""
        if not await self._clear_doubt(planned):
            return
        found = await self._checked(planned)
        if found is None:
            return
        checked, sized = found
        now = self._clock.now()
        note = f"{plain(checked.amount)} {checked.asset} on a fresh snapshot" if checked.amount else checked.asset
        sent = replace(checked, state=_S.SUBMITTING, submitted_at=now)
        asked_at = self._clock.machine.steady_s()
        try:
            claimed = await self._store.claim(replace(sent, state=checked.state), now, note)
        except StoreError as error:
            self._in_doubt[planned.id] = sent
            log.error("intent.unclaimed account=%s intent=%d cause=%s", self._account, planned.id, error)
            return
        if not claimed:
            await self._expire(planned, "actions are paused or stopped, or another of its kind is in flight")
            return
        self._own[sent.id] = sent
        log.info(
            "intent.claimed account=%s intent=%d kind=%s scope=%s asset=%s amount=%s",
            self._account,
            sent.id,
            sent.kind,
            sent.scope,
            sent.asset,
            plain(sent.amount),
        )
        sending = asyncio.ensure_future(self._send(sent, sized, asked_at))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            # A stop waits for the answer, and for it to be written down: that is worth more than a question.
            await asyncio.wait({sending}, timeout=PARTING_S)
            sending.cancel()
            raise

    async def _checked(self, planned: Intent) -> tuple[Intent, AccountState] | None:
        """The intent sized on fresh reads, and the state that it is sized on; None when not to be sent, or not now."""
        try:
            before = self.state()
            own_key = self._policy.settings.acts_with_own_key
            fresh, rights = await asyncio.gather(
                self._snapshots.before(before, planned),
                self._snapshots.rights(before, own_acting_key=own_key),
            )
        except ExchangeError as error:
            await self._put_off(planned, f"no fresh snapshot: {error}", FRESH_TRIES)
            return None
        # The reads took time: a pause, or what this executor settled meanwhile, counts.
        current = self._present()
        fresh = replace(
            fresh,
            intents=current.intents,
            operator=current.operator,
            health=current.health,
            record=current.record,
            alerts=current.alerts,
            key_accepted=rights.key_accepted,
            key=rights.key,
            action_key_accepted=rights.action_key_accepted,
            action_key=rights.action_key,
        )
        checked = recheck(fresh, planned, self._policy.actions, self._policy.settings, self._clock.now())
        if not isinstance(checked, NoLonger):
            return checked, fresh
        if checked.not_yet:
            await self._put_off(planned, checked.reason, KNOWING_TRIES)
        else:
            await self._expire(planned, checked.reason, by_limit=checked.by_limit)
        return None

    async def _put_off(self, planned: Intent, reason: str, tries: int) -> None:
        """The intent is looked at again in the next round, and expires after so many of them."""
        self._put_off_times[planned.id] = self._put_off_times.get(planned.id, 0) + 1
        if self._put_off_times[planned.id] >= tries:
            await self._expire(planned, reason)

    async def _clear_doubt(self, planned: Intent) -> bool:
        """Whether it is certain that an earlier claim of this intent did not happen.

        One whose claim was made after all is not sent any more: only this sender could have, and it has not.
        """
        if planned.id not in self._in_doubt:
            return True
        late = Withheld("the database took too long to write it down", by_limit=True)
        doubtful = answered(self._in_doubt[planned.id], late, self._clock.now())
        try:
            was_claimed = await self._recorder.record(doubtful, has_left=False)
        except StoreError:
            return False
        del self._in_doubt[planned.id]
        if was_claimed:
            self._settled(doubtful.intent)
        return not was_claimed

    async def _expire(self, planned: Intent, reason: str, *, by_limit: bool = False) -> None:
        moved = expired(planned, self._clock.now(), reason, by_limit=by_limit)
        self._put_off_times.pop(planned.id, None)
        try:
            if await self._recorder.record(moved):
                log.info("intent.expired account=%s intent=%d reason=%s", self._account, planned.id, reason)
                self._settled(moved.intent)
        except StoreError as error:
            log.error("intent.unrecorded account=%s intent=%d cause=%s", self._account, planned.id, error)

    async def _send(self, claimed: Intent, sized: AccountState, asked_at: float) -> None:
        """The one request, or none where something has ceased to hold, and what came of it.

        `asked_at` is the steady moment at which the claim was asked for, and with it whether actions are paused.
        """
        if isinstance(claimed.order, ByName):
            raise TypeError(f"{claimed.order.function} is sent by who ordered it")
        known = await self._standing(claimed, asked_at)
        outcome = await self._exchange.execute(claimed.order, lambda: self._objection(claimed, sized, known))
        await self._record_surely(answered(claimed, outcome, self._clock.now()))

    def _objection(self, claimed: Intent, sized: AccountState, known: float | Withheld) -> Withheld | None:
        """Why the order must not leave any more, by all that is known at this moment."""
        if isinstance(known, Withheld):
            return known
        settings, specs = self._policy.settings, self._policy.actions
        found = last_look(sized, self._present(), claimed, specs, settings, self._clock.now())
        if found is None and self._clock.machine.steady_s() - known > PAUSE_KNOWN_FOR_S:
            return Withheld("it took too long to be sure that actions are not paused", by_limit=True)
        return found

    def _present(self) -> AccountState:
        """The account as decided, with whether the pause file is there now, and whose account it is."""
        current = self.state()
        there = pause_file.is_there(self._policy.safety.pause_file)
        claimed = self._claimed(current.health)
        # That it is known counts once decisions have what follows from it.
        unidentified = claimed.unidentified or current.health.unidentified
        return replace(current, health=replace(claimed, pause_file=there, unidentified=unidentified))

    async def _standing(self, claimed: Intent, asked_at: float) -> float | Withheld:
        """The steady moment at which actions were not paused and the intent was this sender's; or why not to send.

        The claim looked at `asked_at`; people may have paused since, or another daemon given the intent up.
        """
        for _ in range(PAUSE_TRIES):
            again_at = self._clock.machine.steady_s()
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(PAUSE_HOLDS_S):
                    is_paused, state = await self._store.read(commands.standing, claimed.id)
                if is_paused:
                    return Withheld("actions were paused while it was being written down", by_limit=True)
                if state is not _S.SUBMITTING:
                    return Withheld(f"another daemon took it for given up: it is {state or 'gone'}")
                asked_at = again_at
            if self._clock.machine.steady_s() - asked_at < PAUSE_HOLDS_S:
                break
        return asked_at

    async def _record_surely(self, moved: Moved) -> None:
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
        self._settled(intent)

    def _reopen(self, lost: Intent) -> None:
        """A database that has lost one order may lack what else was done around it."""
        self._deliver(RecordReopened((lost.submitted_at or lost.created_at) - LOST_AROUND))

    def _settled(self, intent: Intent) -> None:
        self._own[intent.id] = intent
        self._deliver(ActionSettled(intent))

    def _in_state(self, wanted: IntentState) -> list[Intent]:
        found: Mapping[int, Intent] = self.state().intents
        return sorted((i for i in found.values() if i.state is wanted), key=lambda intent: intent.id)
