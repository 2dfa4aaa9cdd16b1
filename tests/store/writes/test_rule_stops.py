"""Rules stopped since an order made things worse: recorded with the proof, obeyed by every claim, lifted by people."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from monitor.core.model.action_blocks import StopCause
from monitor.core.model.intent import BalanceBefore, IntentState
from monitor.core.model.journal import JournalEntry
from monitor.store import commands_in_force
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes import audit, commands, journal
from monitor.store.writes.intents import find_intent, read_recent
from tests.support.examples.store_rows import alert, at, intent, planned_entry, step

S = IntentState
HELD = (BalanceBefore("BTC", Decimal("1.5"), Decimal(0)), BalanceBefore("USDT", Decimal("0.00000001"), Decimal(30_000)))


async def test_stopped_rule_claims_nothing_until_resumed(store: Store) -> None:
    first, second = (dataclasses.replace(intent(n), alert=17, plan=17) for n in (1, 2))
    other = dataclasses.replace(intent(3, asset="BTC"), alert=18, plan=18)
    alerts = (alert(17), alert(18, rule="margin-call"))
    await store.commit(dataclasses.replace(planned_entry(first, second, other), alerts=alerts))
    assert await store.claim(dataclasses.replace(first, balances_before=HELD), at(1))
    sent = dataclasses.replace(first, state=S.ACKNOWLEDGED, submitted_at=at(1), balances_before=HELD)
    await store.record_step(sent, step(1, S.SUBMITTING, S.ACKNOWLEDGED))
    before = await store.read_commands(at(2))
    assert before is not None and before.event.stopped_rules == ()
    done = dataclasses.replace(sent, state=S.CONFIRMED, settled_at=at(3))
    assert await store.record_step(
        done, step(1, S.ACKNOWLEDGED, S.CONFIRMED), (), StopCause("worse", "the level is 1.2")
    )
    orders = await store.read_commands(at(4), before.change_number)
    assert orders is not None
    (stop,) = orders.event.stopped_rules
    assert (stop.account, stop.rule, stop.intent, stop.reason) == ("main", "near-call", 1, "the level is 1.2")
    assert stop.plans == {17}
    assert not await store.claim(second, at(5))
    assert await store.claim(other, at(5))
    assert await store.execute(commands.resume_actions, "ann", at(6)) == (
        False,
        (dataclasses.replace(stop, plans=frozenset()),),
    )
    assert await store.execute(commands.resume_actions, "ann", at(7)) == (False, ())
    resumed = await store.read_commands(at(7), orders.change_number)
    assert resumed is not None and resumed.event.stopped_rules == ()
    assert await store.claim(second, at(8))
    kept = await store.read(find_intent, 1)
    assert kept is not None and kept.balances_before == HELD
    rows = await store.read(lambda c: c.execute(select(tables.audit.c.data).where(tables.audit.c.kind == "stop")).all())
    assert ['"stopped":true' in row.data for row in rows] == [True, False]
    assert '"by":"ann"' in rows[1].data
    assert (await store.read(audit.verify_trail)).problems == ()


async def test_unrecorded_step_stops_no_rule(store: Store) -> None:
    await store.commit(
        dataclasses.replace(planned_entry(dataclasses.replace(intent(1), alert=17)), alerts=(alert(17),))
    )
    late = dataclasses.replace(intent(1, S.CONFIRMED), alert=17)
    assert not await store.record_step(
        late, step(1, S.ACKNOWLEDGED, S.CONFIRMED), (), StopCause("worse", "the level is 1.2")
    )
    assert await store.read(commands_in_force.read_rule_stops) == ()


async def test_a_rule_waits_until_its_order_is_judged_once(store: Store) -> None:
    first, second = (dataclasses.replace(intent(n), alert=17, plan=17) for n in (1, 2))
    other = dataclasses.replace(intent(3, asset="BTC"), alert=18, plan=18)
    alerts = (alert(17), alert(18, rule="margin-call"))
    await store.commit(dataclasses.replace(planned_entry(first, second, other), alerts=alerts))
    assert await store.claim(first, at(1))
    sent = dataclasses.replace(first, state=S.ACKNOWLEDGED, submitted_at=at(1))
    await store.record_step(sent, step(1, S.SUBMITTING, S.ACKNOWLEDGED))
    before = await store.read_commands(at(2))
    assert before is not None
    done = dataclasses.replace(sent, state=S.CONFIRMED, settled_at=at(3), awaits_judgement=True)
    assert await store.record_step(done, step(1, S.ACKNOWLEDGED, S.CONFIRMED))
    # However long that is ago: the next life judges it.
    assert 1 in [each.id for each in await store.read(read_recent, "main", at(3) + timedelta(days=3))]
    waiting = await store.read_commands(at(4), before.change_number)
    assert waiting is not None
    (stop,) = waiting.event.stopped_rules
    assert (stop.rule, stop.intent, stop.grounds) == ("near-call", 1, "unjudged")
    assert stop.plans == {17} and not stop.is_lasting
    assert not await store.claim(second, at(5))
    assert await store.claim(other, at(5))
    assert await store.execute(commands.resume_actions, "ann", at(6)) == (False, ())
    assert not await store.claim(second, at(6))
    cause = StopCause("untold", "no price is known of ETH")
    assert await store.execute(journal.record_loss_judgement, done, at(7), (), cause)
    assert not await store.execute(journal.record_loss_judgement, done, at(8), (), None)
    (stop,) = await store.read(commands_in_force.read_rule_stops)
    assert (stop.grounds, stop.reason, stop.is_lasting) == ("untold", "no price is known of ETH", True)
    assert not await store.claim(second, at(9))
    await store.execute(commands.resume_actions, "ann", at(10))
    assert await store.claim(second, at(11))
    assert (await store.read(audit.verify_trail)).problems == ()


async def test_late_execution_that_awaits_judgement_is_noticed_by_every_account(store: Store) -> None:
    sent = dataclasses.replace(intent(1), alert=17, plan=17)
    await store.commit(dataclasses.replace(planned_entry(sent), alerts=(alert(17),)))
    assert await store.claim(sent, at(1))
    failed = dataclasses.replace(sent, state=S.FAILED, submitted_at=at(1), settled_at=at(3))
    assert await store.record_step(
        dataclasses.replace(sent, state=S.UNCERTAIN, submitted_at=at(1)), step(1, S.SUBMITTING, S.UNCERTAIN)
    )
    assert await store.record_step(failed, step(1, S.UNCERTAIN, S.FAILED))
    before = await store.read_commands(at(4))
    assert before is not None
    assert await store.read_commands(at(4), before.change_number) is None
    late = dataclasses.replace(failed, executed_late=True, ref="77", awaits_judgement=True)
    await store.commit(JournalEntry("main", at(5), intents=(late,)))
    waiting = await store.read_commands(at(6), before.change_number)
    assert waiting is not None
    assert [(stop.rule, stop.intent) for stop in waiting.event.stopped_rules] == [("near-call", 1)]
