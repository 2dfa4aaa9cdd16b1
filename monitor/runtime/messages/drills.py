"""Drills that people command: sent through the outbox and the channels, without throttling."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.alerting.drill import Drill, drill_alert, drill_stages, drill_subject
from monitor.core.engine.step import Policy
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.notifications.outbox import Delivery, DeliveryState
from monitor.core.state.account_state import AccountState
from monitor.errors import StoreError
from monitor.store.store import Store
from monitor.store.writes import outbox
from monitor.view.messages.message import DrillProgress, alert_message

log = logging.getLogger(__name__)

MAX_DRILL_AGE = timedelta(minutes=5)
"""A drill that no daemon ran within this time is not made up for later."""

ANSWER_TIMEOUT_S = 20.0
"""Machine seconds until the messages must be delivered; those still being tried then are given up."""

DRILL_CHECK_EVERY_S = 0.2
DRILL_RETRY_S = 2.0


class DrillRunner:
    """The runner of drills, one after the other. It queues messages and waits for their delivery."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        policies: Mapping[str, Policy],
        states: Callable[[], Mapping[str, AccountState]],
        wake: Callable[[Iterable[str]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._policies = policies
        self._states = states
        self._wake = wake
        self._queue: asyncio.Queue[Drill] = asyncio.Queue()
        self._known: set[int] = set()

    def enqueue(self, drills: Iterable[Drill]) -> None:
        """Add drills that are new; known ones are under way."""
        for drill in drills:
            if drill.id not in self._known:
                self._known.add(drill.id)
                self._queue.put_nowait(drill)

    async def run(self) -> None:
        """Run drills until cancelled."""
        while True:
            drill = await self._queue.get()
            try:
                outcome = await self._carry_out(drill)
                await self._store.finish_drill(drill.id, self._clock.now(), outcome)
                log.info("drill.done drill=%d rule=%r outcome=%r", drill.id, drill.rule, outcome)
            except StoreError as error:
                log.error("drill.put_off drill=%d in_s=%s cause=%s", drill.id, DRILL_RETRY_S, error)
                self._queue.put_nowait(drill)
                await asyncio.sleep(DRILL_RETRY_S)

    async def _carry_out(self, drill: Drill) -> str:
        if self._clock.now() - drill.requested_at > MAX_DRILL_AGE:
            return "not carried out: no daemon was there in time"
        queued = await self._store.read(outbox.read_drill_deliveries, drill.id)
        if not queued:
            wanted = self._messages(drill)
            if isinstance(wanted, str):
                return wanted
            # All or none, so that a drill that is resumed after a crash does not start anew.
            await self._store.execute(outbox.enqueue_all, wanted)
        return await self._await_answers(drill)

    def _messages(self, drill: Drill) -> Sequence[Delivery] | str:
        """Return the messages of the drill in order, or why there are none."""
        now = self._clock.now()
        for account, policy in self._policies.items():
            rule = next((rule for rule in policy.rules if rule.name == drill.rule), None)
            if rule is None:
                return f'there is no rule "{drill.rule}"'
            state = self._states().get(account)
            snapshot = None if state is None else MetricsSnapshot(state, policy.settings, now)
            subject = drill_subject(rule, account, snapshot)
            if subject is None:
                continue
            known = snapshot is not None and subject in snapshot.subjects
            figures = snapshot.get(subject) if snapshot is not None and known else None
            deliveries = []
            for stage in drill_stages(policy.rules, rule, subject, account, policy.routing):
                mark = DrillProgress(drill.id, stage.number, stage.of)
                alert = drill_alert(stage, subject, account, figures, now)
                message = alert_message(alert, stage.reason, figures, now, drill=mark)
                text = json.dumps(message.document, ensure_ascii=False)
                deliveries += [
                    Delivery(0, name, None, "drill", stage.severity, now, now, text=text, drill=drill.id)
                    for name in stage.channels
                ]
            return deliveries or "there is no channel to tell"
        return f'the rule "{drill.rule}" looks at no account that is watched'

    async def _await_answers(self, drill: Drill) -> str:
        deadline = asyncio.get_running_loop().time() + ANSWER_TIMEOUT_S
        while True:
            queued = [
                d
                for d in await self._store.read(outbox.read_drill_deliveries, drill.id)
                if d.state is DeliveryState.QUEUED
            ]
            if not queued:
                return "carried out"
            if asyncio.get_running_loop().time() > deadline:
                given_up = {delivery.key: delivery.answer or "no answer" for delivery in queued}
                await self._store.close_unsent_deliveries(DeliveryState.FAILED, given_up)
                return "carried out, not everything was taken"
            self._wake({delivery.channel for delivery in queued})
            await asyncio.sleep(DRILL_CHECK_EVERY_S)
