"""Presses of people: each is carried out once, whatever is delivered again."""

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, func, select

from monitor.errors import CommandRefused
from monitor.store import commands_in_force
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes import commands
from monitor.store.writes.replies import presses
from monitor.store.writes.replies.presses import Press, PressResult, UpdateOffset
from tests.support.examples.store_rows import NOW, at, firing_entry

PRESS = Press("telegram:callback:9", "phone", "telegram:ann (7)", "ack 17", NOW)


def acknowledge(connection: Connection) -> str:
    commands.acknowledge(connection, 17, PRESS.user, "by a button", NOW)
    return "acknowledged"


async def test_press_is_carried_out_once_however_often_it_comes(store: Store) -> None:
    await store.commit(firing_entry(17, "phone"))
    assert await store.execute(presses.carry_out, PRESS, acknowledge) == PressResult(True, "acknowledged")
    again = await store.execute(presses.carry_out, replace(PRESS, at=at(60)), acknowledge)
    assert again == PressResult(True, "acknowledged", is_repeated=True)
    assert await store.read(lambda c: c.execute(select(func.count()).select_from(tables.acks)).scalar()) == 1
    (ack,) = (await store.read(commands_in_force.read_newest_acks)).values()
    assert (ack.by, ack.comment) == ("telegram:ann (7)", "by a button")


async def test_refused_press_is_recorded_with_the_reason(store: Store) -> None:
    result = await store.execute(presses.carry_out, PRESS, acknowledge)
    assert result == PressResult(False, "there is no alert #17; `margin-monitor alerts` lists them")
    # The alert that begins later under this number was not meant.
    await store.commit(firing_entry(17, "phone"))
    assert (await store.execute(presses.carry_out, PRESS, acknowledge)).is_done is False
    assert await store.read(commands_in_force.read_newest_acks) == {}


async def test_refusal_takes_nothing_else_of_its_transaction_along(store: Store) -> None:
    def refuse(connection: Connection) -> str:
        raise CommandRefused("no")

    assert (await store.execute(presses.carry_out, PRESS, refuse)).answer == "no"
    assert await store.read(presses.count_presses, "ack 17", at(-1)) == 1
    assert await store.read(presses.count_presses, "ack 17", at(-1), "telegram:bob (8)") == 0
    assert await store.read(presses.count_presses, "ack 17", NOW, PRESS.user) == 0


async def test_newest_offset_of_each_bot_is_kept(store: Store) -> None:
    assert await store.read(presses.read_offset, 5) is None
    for offset in (UpdateOffset(11, NOW), UpdateOffset(12, at(1))):
        await store.execute(presses.save_offset, 5, offset)
    await store.execute(presses.save_offset, 1 << 40, UpdateOffset(3, NOW))
    assert await store.read(presses.read_offset, 5) == UpdateOffset(12, at(1))


async def test_old_presses_are_pruned(store: Store) -> None:
    await store.execute(presses.carry_out, PRESS, lambda _: "done")
    await store.execute(presses.carry_out, replace(PRESS, key="other", at=at(100)), lambda _: "done")
    assert await store.prune(attempts_before=at(50)) == 1
    assert await store.read(partial(presses.count_presses, command="ack 17", since=at(-1))) == 1
