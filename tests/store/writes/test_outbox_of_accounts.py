"""Deliveries of several accounts: the daemon that holds an account sends its own, and one what belongs to none."""

from dataclasses import replace
from datetime import datetime

from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.notifications.outbox import Delivery, DeliveryState
from monitor.store.command_store import CommandStore
from monitor.store.readers.open_accounts import read_open_accounts
from monitor.store.store import Store
from monitor.store.writes import journal, outbox
from monitor.store.writes.due_notifications import ChannelDue, read_channel_due
from tests.store.shared_stores import OpenShared, end_session
from tests.support.examples.store_rows import NOW, alert, at, firing_entry, intent, planned_entry
from tests.support.postgres import PostgresServer

LATER = at(60)
AGE = "UPDATE leases SET since = since - 61000, renewed_at = renewed_at - 61000"


async def own_due(store: Store, now: datetime = LATER) -> ChannelDue:
    return await store.read(
        read_channel_due,
        "phone",
        now,
        NOW,
        100,
        is_limited=False,
        accounts=store.held_accounts if store.is_shared else None,
        is_leader=store.is_leader,
    )


async def own_words(store: Store) -> list[str]:
    return [delivery.text for delivery in (await own_due(store)).deliveries]


def notice(account: str, text: str) -> JournalEntry:
    return JournalEntry(account, NOW, notices=(Notice("info", text, ("phone",), NOW),))


async def two_daemons(open_shared: OpenShared) -> tuple[Store, Store]:
    """The leader, which holds alpha, and one that holds beta."""
    leader, other = await open_shared(), await open_shared()
    await leader.divide(())
    await leader.take({"alpha"})
    await other.take({"beta"})
    assert (leader.is_leader, other.is_leader) == (True, False)
    return leader, other


async def test_delivery_is_seen_by_the_holder_of_its_account_alone(open_shared: OpenShared) -> None:
    leader, other = await two_daemons(open_shared)
    await leader.commit(notice("alpha", "of alpha"))
    await other.commit(notice("beta", "of beta"))
    await other.commit(JournalEntry("beta", NOW, alerts=(alert(5, account="beta"),)))
    stand_in = Delivery(0, "phone", 5, firing_entry(5).notifications[0].reason, "info", NOW, NOW, text="stand-in")
    await leader.enqueue_once(stand_in)
    assert await own_words(leader) == ["of alpha"]
    assert await own_words(other) == ["of beta", "stand-in"]
    await other.give_back({"beta"})
    await leader.take({"beta"})
    assert await own_words(leader) == ["of alpha", "of beta", "stand-in"]
    assert await own_words(other) == []


async def test_what_belongs_to_no_account_is_sent_by_the_leader(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    leader, other = await two_daemons(open_shared)
    with CommandStore.open(postgres_server.url(shared_name)) as command:
        command.execute(outbox.enqueue_all, [Delivery(0, "phone", None, "notice", "info", NOW, NOW, text="by command")])
    await other.execute(journal.pause_with_notices, "it", notice("", "by the daemon").notices, NOW)
    await other.enqueue_once(Delivery(0, "phone", None, "notice", "info", NOW, NOW, text="for another channel"))
    assert await own_words(leader) == ["by command"]
    assert await own_words(other) == ["by the daemon", "for another channel"], "kept under an account of its own"


async def test_time_of_the_next_delivery_is_that_of_the_own_ones(open_shared: OpenShared) -> None:
    leader, other = await two_daemons(open_shared)
    await leader.commit(notice("alpha", "of alpha"))
    (row,) = (await own_due(leader)).deliveries
    await leader.postpone_deliveries([row.key], at(600))
    assert (await own_due(leader)).next_at == at(600)
    assert (await own_due(other)).next_at is None
    await other.release_postponed_deliveries(LATER)
    assert (await own_due(leader)).next_at == at(600)
    await leader.release_postponed_deliveries(LATER)
    assert await own_words(leader) == ["of alpha"]


async def test_daemon_for_the_whole_database_sends_everything(store: Store) -> None:
    await store.commit(notice("alpha", "of alpha"))
    await store.execute(journal.pause_with_notices, "it", notice("", "of none").notices, NOW)
    assert await own_words(store) == ["of alpha", "of none"]


async def test_orders_in_doubt_are_those_of_the_own_accounts(open_shared: OpenShared) -> None:
    leader, other = await two_daemons(open_shared)
    for number, store, account in ((1, leader, "alpha"), (2, other, "beta")):
        sent = replace(intent(number, account=account), submitted_at=NOW)
        await store.commit(planned_entry(sent))
        assert await store.claim(sent, NOW)
    assert [one.id for one in await leader.recover_interrupted(at(600), ("phone",), {"alpha"})] == [1]
    assert [delivery.intent for delivery in (await own_due(leader, at(600))).deliveries] == [1]
    assert [one.id for one in await other.recover_interrupted(at(600), ("phone",))] == [2]
    assert [delivery.intent for delivery in (await own_due(other, at(600))).deliveries] == [2]


async def test_leader_sends_what_is_left_of_an_account_that_was_given_back(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    leader, other = await two_daemons(open_shared)
    await other.commit(notice("beta", "of beta"))
    (row,) = (await own_due(other)).deliveries
    await other.postpone_deliveries([row.key], at(600))
    with postgres_server.connect(shared_name) as connection:
        connection.execute(AGE)
        assert (await own_due(leader)).next_at is None, "its holder sends it, however silent"
        await other.give_back({"beta"})
        assert (await own_due(leader)).next_at is None, "who held it may just be sending it"
        connection.execute(AGE)
    assert (await own_due(leader)).next_at == at(600)
    await other.release_postponed_deliveries(LATER)
    assert await own_words(leader) == []
    await leader.release_postponed_deliveries(LATER)
    assert await own_words(leader) == ["of beta"]
    assert await own_words(other) == []
    await other.take({"beta"})
    assert await own_words(leader) == []
    assert await own_words(other) == ["of beta"]


async def test_leader_sends_what_is_left_of_an_account_that_was_never_held(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    leader, other = await two_daemons(open_shared)
    queued = Delivery(0, "phone", None, "notice", "info", NOW, NOW, text="of gamma")
    await leader.execute(outbox.enqueue, queued, "gamma")
    assert await own_words(leader) == [], "another daemon may be about to take it"
    with postgres_server.connect(shared_name) as connection:
        connection.execute(AGE)
    assert await own_words(leader) == ["of gamma"]
    assert await own_words(other) == []


async def test_account_of_a_dead_holder_counts_as_open_until_its_message_is_sent(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str
) -> None:
    leader, other = await two_daemons(open_shared)
    await other.commit(notice("beta", "of beta"))
    with postgres_server.connect(shared_name) as connection:
        end_session(connection, other)
        connection.execute(AGE)
        assert await leader.read(read_open_accounts) == {"beta"}
        assert await leader.take({"beta"}) == {"beta"}
        await leader.give_back({"beta"})
        connection.execute(AGE)
    (row,) = (await own_due(leader)).deliveries
    await leader.close_unsent_deliveries(DeliveryState.EXPIRED, {row.key: "sent"})
    assert await leader.read(read_open_accounts) == frozenset()
