"""Sessions: open for 12 hours, in memory, bounded."""

from datetime import UTC, datetime

from monitor.web.security.sessions import MAX_SESSIONS, SESSION_S, SessionTable
from tests.support.clocks.manual_clock import ManualClock

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_session_is_open_for_twelve_hours() -> None:
    clock = ManualClock(START)
    table = SessionTable(clock)
    cookie, session = table.open()
    clock.advance(SESSION_S - 1)
    assert table.find(cookie) == session
    clock.advance(1)
    assert table.find(cookie) is None


def test_cookie_is_not_kept() -> None:
    table = SessionTable(ManualClock(START))
    cookie, session = table.open()
    assert cookie not in (session.key, session.form_token)
    assert table.find(session.key) is None


def test_closed_session_is_gone() -> None:
    table = SessionTable(ManualClock(START))
    first, second = table.open(), table.open()
    table.close(first[1])
    assert table.find(first[0]) is None
    assert table.find(second[0]) == second[1]
    table.close_all()
    assert table.find(second[0]) is None


def test_oldest_session_ends_when_there_are_too_many() -> None:
    table = SessionTable(ManualClock(START))
    cookies = [table.open()[0] for _ in range(MAX_SESSIONS + 1)]
    assert [table.find(cookie) is not None for cookie in cookies] == [False] + [True] * MAX_SESSIONS
