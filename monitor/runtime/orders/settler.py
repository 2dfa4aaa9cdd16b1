"""Settlement of sent orders: reads until their outcome is certain."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.actions.level_loss import LevelLoss, UnknownLoss, find_level_loss
from monitor.core.engine.step import Policy
from monitor.core.metrics.snapshot import measure_subject
from monitor.core.model.action_blocks import StopCause
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.core.model.order import ManualCall
from monitor.core.settlement.absence import TimeSpan, may_be_lost_order
from monitor.core.settlement.observation import MIN_OBSERVATIONS, Observation, Unresolved, find_send_time
from monitor.core.settlement.transitions import IntentUpdate, apply_verdict, mark_executed_late
from monitor.core.settlement.verification import find_late_execution, needs_ledger, needs_ledger_for_late_check, verify
from monitor.core.state.account_state import AccountState
from monitor.errors import ExchangeError, StoreError
from monitor.runtime.orders.intent_recorder import IntentRecorder
from monitor.runtime.orders.order_reads import OrderReads
from monitor.store.readers.foreign_activity import read_absences, read_others_act_beside
from monitor.store.store import Store

log = logging.getLogger(__name__)

OBSERVE_AFTER_S = (1.0, 1.0, 1.0, 2.0, 3.0, 5.0, 8.0)
"""Exchange seconds before each observation of an order with unknown outcome; then every LATE_INTERVAL_S."""

LATE_INTERVAL_S = 10.0
ESCALATED_INTERVAL_S = 60.0
"""Exchange seconds between observations once a person was asked, and while a failed order is watched."""

MAX_LOSS_CHECK = timedelta(minutes=2)
"""The time that an order may wait to be judged before its rule is stopped for that."""

LOSS_CHECK_READ_S = 20.0
"""Machine seconds that one read for a judgement may take."""

MAX_OBSERVATIONS = 200

_FOREIGN_KEY = "the account's key is of another account of the exchange now, so nothing here can look into it"

_S = IntentState
_OPEN = frozenset({_S.ACKNOWLEDGED, _S.UNCERTAIN, _S.UNRESOLVED})
_NOT_ESCALATED = _OPEN - {_S.UNRESOLVED}


class Settler:
    """One task for each order with open outcome, and for each failed one that might still be executed."""

    def __init__(
        self,
        order_reads: OrderReads,
        recorder: IntentRecorder,
        store: Store,
        clock: Clock,
        policy: Policy,
        state: Callable[[], AccountState],
        on_settled: Callable[[Intent], None],
    ) -> None:
        self._order_reads = order_reads
        self._recorder = recorder
        self._store = store
        self._clock = clock
        self._policy = policy
        self._state = state
        self._on_settled = on_settled
        self._observed: set[int] = set()
        self._attribution_lock = asyncio.Lock()

    @property
    def unsettled(self) -> tuple[Intent, ...]:
        """The orders whose outcome can still be observed here."""
        return tuple(intent for intent in self._state().intents.values() if self._is_unsettled(intent))

    def start_observing(self, tasks: asyncio.TaskGroup) -> None:
        """Start a task for every unsettled order without one."""
        for intent in self.unsettled:
            if intent.id in self._observed:
                continue
            self._observed.add(intent.id)
            if isinstance(intent.order, ManualCall):
                tasks.create_task(self._escalate(intent), name=f"ask about {intent.id}")
            elif intent.awaits_judgement:
                tasks.create_task(self._judge(intent), name=f"judge {intent.id}")
            elif intent.state in _OPEN:
                tasks.create_task(self._settle(intent), name=f"settle {intent.id}")
            else:
                tasks.create_task(self._watch_for_late_execution(intent), name=f"watch {intent.id}")

    def _is_unsettled(self, intent: Intent) -> bool:
        if isinstance(intent.order, ManualCall):
            return intent.state in _NOT_ESCALATED
        return intent.state in _OPEN or self._can_judge(intent) or self._may_execute_late(intent)

    def _can_judge(self, intent: Intent) -> bool:
        """Return whether the order is judged here: a removed account has no rules, and no prices to judge by."""
        return intent.awaits_judgement and bool(self._policy.rules)

    async def _settle(self, intent: Intent) -> None:
        """Observe at growing intervals, without end, until records and balances agree or a person has settled it."""
        looks: list[Observation] = []
        attempt = 0
        while True:
            await self._clock.sleep(self._interval_s(intent, attempt))
            attempt += 1
            intent = self._state().intents.get(intent.id, intent)
            if intent.state not in _OPEN:
                break
            seen = self._state()
            if _belongs_to_other_user(intent, seen):
                # The traces are in the other account: their absence here proves nothing.
                moved = apply_verdict(intent, Unresolved(_FOREIGN_KEY), self._clock.now())
                if moved is not None:
                    await self._record(moved)
                continue
            try:
                look, seen = await self._order_reads.observe(seen, intent)
            except ExchangeError as error:
                log.info("intent.not_looked account=%s intent=%d cause=%s", intent.account, intent.id, error)
            else:
                looks = [*looks, look][-MAX_OBSERVATIONS:]
                looks[-1] = await self._with_ledger(intent, looks)
            doubts = await self._read_doubts(intent)
            if doubts is None:
                continue
            is_shared, absences = doubts
            verdict = verify(
                intent,
                looks,
                self._policy.safety,
                self._clock.now(),
                self._claimed_refs(intent),
                is_shared=is_shared,
                absences=absences,
            )
            moved = apply_verdict(intent, verdict, self._clock.now(), self._level_after(intent, seen))
            if moved is not None and moved.intent.state is _S.CONFIRMED:
                moved = self._with_judgement(moved, seen)
            if moved is not None and not await self._record(moved):
                if self._can_judge(moved.intent):
                    await self._judge(moved.intent)
                break
        self._observed.discard(intent.id)

    async def _read_doubts(self, intent: Intent) -> tuple[bool, tuple[TimeSpan, ...]] | None:
        """Return why an equal trace may be of another order than one without a name; None while unknown.

        First whether others are known to act beside it, then the times of which nothing is recorded.
        """
        if not intent.is_unnamed:
            return False, ()
        try:
            return (
                await self._store.read(read_others_act_beside, intent, self._policy.safety.watch),
                await self._store.read(read_absences, intent),
            )
        except StoreError as error:
            log.error("intent.unjudged account=%s intent=%d cause=%s", intent.account, intent.id, error)
            return None

    def _with_judgement(self, moved: IntentUpdate, seen: AccountState) -> IntentUpdate:
        """Return the update with the level loss by the balances that prove the order, or as awaiting judgement."""
        found = find_level_loss(seen, moved.intent, self._policy.settings, self._clock.now())
        if isinstance(found, UnknownLoss):
            # Without an alert the order belongs to no rule: there is nothing to stop.
            if moved.intent.alert is None:
                return moved
            if not found.is_lasting:
                return replace(moved, intent=replace(moved.intent, awaits_judgement=True))
        return replace(moved, stop=_cause(moved.intent, found))

    async def _judge(self, intent: Intent) -> None:
        """Judge a confirmed order as soon as possible; its rule is stopped where that takes too long."""
        began, attempt = self._clock.now(), 0
        while True:
            found = await self._worsening_by_now(intent)
            is_over = isinstance(found, UnknownLoss) and (
                found.is_lasting or self._clock.now() - began >= MAX_LOSS_CHECK
            )
            if (is_over or not isinstance(found, UnknownLoss)) and await self._is_judged(intent, found):
                break
            await self._clock.sleep(OBSERVE_AFTER_S[attempt] if attempt < len(OBSERVE_AFTER_S) else LATE_INTERVAL_S)
            attempt += 1
        self._observed.discard(intent.id)

    async def _worsening_by_now(self, intent: Intent) -> LevelLoss | UnknownLoss | None:
        """Return the level loss by fresh reads of the order's scope and of the one that it should help."""
        state = self._state()
        if _belongs_to_other_user(intent, state):
            return UnknownLoss(_FOREIGN_KEY, is_lasting=True)
        try:
            async with asyncio.timeout(LOSS_CHECK_READ_S):
                seen = await self._order_reads.refresh_scopes(state, intent, intent.target_scope)
        except (ExchangeError, TimeoutError) as error:
            log.info("intent.not_judged account=%s intent=%d cause=%s", intent.account, intent.id, error)
            return UnknownLoss("the account could not be read")
        return find_level_loss(seen, intent, self._policy.settings, self._clock.now())

    async def _is_judged(self, intent: Intent, found: LevelLoss | UnknownLoss | None) -> bool:
        """Record the judgement; return whether it is recorded, by this call or by another."""
        judged = replace(intent, awaits_judgement=False)
        try:
            if await self._recorder.judge(judged, _cause(judged, found)):
                log.info("intent.judged account=%s intent=%d", intent.account, intent.id)
        except StoreError as error:
            log.error("intent.unrecorded account=%s intent=%d cause=%s", intent.account, intent.id, error)
            return False
        self._on_settled(judged)
        return True

    async def _with_ledger(self, intent: Intent, looks: Sequence[Observation]) -> Observation:
        """Return the last observation, with the margin ledger where its rows are needed."""
        if not needs_ledger(intent, looks, self._policy.safety, self._claimed_refs(intent)):
            return looks[-1]
        try:
            return await self._order_reads.add_ledger(looks[-1], intent)
        except ExchangeError as error:
            log.info("intent.no_ledger account=%s intent=%d cause=%s", intent.account, intent.id, error)
            return looks[-1]

    async def _escalate(self, intent: Intent) -> None:
        """Ask a person about a manual order, which leaves no traces to observe."""
        moved = apply_verdict(intent, verify(intent, (), self._policy.safety, self._clock.now()), self._clock.now())
        while moved is not None and await self._record(moved) and self._needs_escalation(intent):
            await self._clock.sleep(LATE_INTERVAL_S)
        self._observed.discard(intent.id)

    def _needs_escalation(self, intent: Intent) -> bool:
        return self._state().intents.get(intent.id, intent).state in _NOT_ESCALATED

    async def _record(self, moved: IntentUpdate) -> bool:
        """Record the update; return whether observation goes on."""
        intent, step = moved.intent, moved.step
        try:
            recorded = await self._recorder.record(moved)
        except StoreError as error:
            log.error("intent.unrecorded account=%s intent=%d cause=%s", intent.account, intent.id, error)
            return True
        if not recorded:
            # A person was quicker; their command comes through the inbox.
            log.info("intent.moved_elsewhere account=%s intent=%d", intent.account, intent.id)
            return True
        level = logging.WARNING if intent.state in (_S.FAILED, _S.UNRESOLVED) else logging.INFO
        log.log(level, "intent.%s account=%s id=%d note=%s", intent.state.lower(), intent.account, intent.id, step.note)
        self._on_settled(intent)
        return intent.state not in FINAL_STATES

    async def _watch_for_late_execution(self, intent: Intent) -> None:
        """Watch an order that counts as failed; a late execution is recorded, counted and notified at once."""
        while self._may_execute_late(intent):
            await self._clock.sleep(ESCALATED_INTERVAL_S)
            try:
                look, _ = await self._order_reads.observe(self._state(), intent)
                if needs_ledger_for_late_check(intent, look, self._policy.safety, self._claimed_refs(intent)):
                    look = await self._order_reads.add_ledger(look, intent)
            except ExchangeError as error:
                log.info("intent.not_looked account=%s intent=%d cause=%s", intent.account, intent.id, error)
                continue
            # One at a time: a record attributed to one of two equal orders is never counted for the other.
            async with self._attribution_lock:
                late = await self._record_late_execution(intent, look)
            if late is not None:
                if self._can_judge(late):
                    await self._judge(late)
                break

    async def _record_late_execution(self, intent: Intent, look: Observation) -> Intent | None:
        """Return the order as executed after all, once that is recorded; its rule waits until it is judged."""
        doubts = await self._read_doubts(intent)
        if doubts is None or self._has_equal_open(intent):
            return None
        is_shared, absences = doubts
        claimed_refs = self._claimed_refs(intent)
        record = find_late_execution(intent, look, self._policy.safety, claimed_refs)
        if record is None:
            return None
        has_rule = intent.alert is not None and bool(self._policy.rules)
        may_be_lost = may_be_lost_order(find_send_time(intent), record.at, absences, self._policy.safety.settle)
        late = mark_executed_late(intent, record, is_shared=is_shared, may_be_lost=may_be_lost)
        late = replace(late, awaits_judgement=has_rule)
        try:
            await self._recorder.amend(late)
        except StoreError as error:
            log.error("intent.unrecorded account=%s intent=%d cause=%s", intent.account, intent.id, error)
            return None
        log.error("intent.executed_late account=%s intent=%d ref=%s", intent.account, intent.id, late.ref)
        self._on_settled(late)
        return late

    def _may_execute_late(self, intent: Intent) -> bool:
        """Return whether the order is watched: for a while after it failed, which a person may have said much later."""
        if intent.state is not _S.FAILED or intent.submitted_at is None or intent.executed_late:
            return False
        if _belongs_to_other_user(intent, self._state()):
            return False
        since = max(intent.submitted_at, intent.settled_at or intent.submitted_at)
        return self._clock.now() - since < self._policy.safety.watch

    def _has_equal_open(self, intent: Intent) -> bool:
        """Return whether an equal order is still observed: the record could be its trace."""
        return any(i.order == intent.order and i.state in _OPEN for i in self._state().intents.values())

    def _interval_s(self, intent: Intent, attempt: int) -> float:
        """Return the exchange seconds before the next observation; zero for an acknowledged order's first."""
        if intent.state is _S.UNRESOLVED and attempt:
            return ESCALATED_INTERVAL_S
        if intent.state is _S.ACKNOWLEDGED and not attempt:
            return 0.0
        pause = OBSERVE_AFTER_S[attempt] if attempt < len(OBSERVE_AFTER_S) else LATE_INTERVAL_S
        return min(pause, self._policy.safety.settle.total_seconds() / MIN_OBSERVATIONS)

    def _claimed_refs(self, intent: Intent) -> frozenset[str]:
        """Return the references of records that belong to other intents."""
        return frozenset(i.ref for i in self._state().intents.values() if i.ref is not None and i.id != intent.id)

    def _level_after(self, intent: Intent, seen: AccountState) -> Decimal | None:
        """Return the level after the order in the scope that it should help; None when nothing is owed any more."""
        subject = (intent.target_scope.kind, intent.target_scope.symbol)
        level = measure_subject(seen, self._policy.settings, subject, self._clock.now()).read("margin_level")
        return level if isinstance(level, Decimal) and level.is_finite() else None


def _cause(intent: Intent, found: LevelLoss | UnknownLoss | None) -> StopCause | None:
    """Return why the order stops its rule; None where no level fell."""
    if found is None:
        return None
    cause = StopCause("worse", found.text) if isinstance(found, LevelLoss) else StopCause("untold", found.reason)
    event = "made_worse" if cause.grounds == "worse" else "unjudged"
    log.error("intent.%s account=%s intent=%d %s", event, intent.account, intent.id, cause.reason)
    return cause


def _belongs_to_other_user(intent: Intent, state: AccountState) -> bool:
    """Return whether the account's key was replaced by another user's since the order was decided."""
    return intent.uid is not None and state.uid is not None and intent.uid != state.uid
