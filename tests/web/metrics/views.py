"""Views of the worked examples."""

from datetime import datetime

from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.web.metrics.daemon_view import AccountView, ActivityCounts, DaemonView, WebCounts
from tests.support.examples.accounts import NOW, SETTINGS

WEB_COUNTS: WebCounts = {
    "web_restarts_total": 1,
    "web_listen_failures_total": 2,
    "web_connections": 3,
    "web_refused_connections_total": 4,
    "web_unreadable_requests_total": 6,
    "web_live_readers": 5,
}


def daemon_view(
    *states: AccountState,
    at: datetime = NOW,
    settings: AccountSettings = SETTINGS,
    activity: ActivityCounts | None = None,
    failing: tuple[str, ...] = (),
    elsewhere: tuple[str, ...] = (),
) -> DaemonView:
    """A view of these accounts, of `failing` ones that never started, and of ones that another daemon holds."""
    accounts = tuple(AccountView(state.account, state, settings) for state in states)
    down = tuple(AccountView(name, None, settings, is_failing=True) for name in failing)
    down += tuple(AccountView(name, None, settings, is_held=False) for name in elsewhere)
    return DaemonView(at, "1.2.3", NOW, accounts + down, ("phone",), activity or ActivityCounts())
