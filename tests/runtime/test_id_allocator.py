"""Ids given while the database is not known, by one daemon and by several that share one."""

from datetime import UTC, datetime

from monitor.core.state.account_state import AccountState
from monitor.runtime.account.start_state import renumber_alerts
from monitor.runtime.id_allocator import IdAllocator
from monitor.store.writes.id_allocation import FIRST_UNRECORDED_ALERT_ID
from tests.support.examples.store_rows import NOW, alert

STARTED = datetime(2026, 11, 30, tzinfo=UTC)
TOLD = FIRST_UNRECORDED_ALERT_ID + 60_000_000
"""An id that people were told while the database was not known."""


def test_daemons_that_share_a_database_never_give_the_same_alert_id_without_it() -> None:
    first, second = IdAllocator(STARTED, True), IdAllocator(STARTED, True)
    ours = {first.ids.next_alert_id() for _ in range(500)}
    theirs = {second.ids.next_alert_id() for _ in range(500)}
    assert not ours & theirs
    assert all(FIRST_UNRECORDED_ALERT_ID <= number < 10**10 for number in ours | theirs)


def test_ids_of_the_only_daemon_begin_with_the_second_of_its_start() -> None:
    first, later = IdAllocator(STARTED), IdAllocator(STARTED.replace(minute=1))
    assert later.ids.next_alert_id() - first.ids.next_alert_id() == 60


def test_unrecorded_id_is_kept_only_where_no_other_daemon_can_have_it() -> None:
    told = alert(TOLD)
    state = AccountState(account="main", started_at=NOW, alerts={told.key: told})
    of_one = renumber_alerts(state, range(1000, 2**63 - 1), lambda: 1000)
    of_several = renumber_alerts(state, range(1000, 2000), lambda: 1000)
    assert [each.alerts[told.key].id for each in (of_one, of_several)] == [TOLD, 1000]
