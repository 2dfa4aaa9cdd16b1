"""The daemon of this process as `/metrics` shows it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.clock import Clock
from monitor.web.metrics.daemon_view import AccountView, ActivityCounts, DaemonView

if TYPE_CHECKING:
    from monitor.runtime.daemon import Daemon


class DaemonFigures:
    """The source of `/metrics`. A reload replaces the daemon, so it is asked for each time."""

    def __init__(self, daemon: Callable[[], "Daemon | None"], clock: Clock) -> None:
        self._daemon = daemon
        self._clock = clock

    def take_view(self) -> DaemonView:
        """Return the daemon as it is now. Only references and counts are copied: that delays no step."""
        daemon, now = self._daemon(), self._clock.now()
        if daemon is None:
            return DaemonView(now, __version__, None, (), (), ActivityCounts())
        failing, counters = daemon.failing_accounts, daemon.counters
        return DaemonView(
            now=now,
            version=__version__,
            started_at=counters.started_at,
            accounts=tuple(
                AccountView(name, state, daemon.settings(name), name in failing)
                for name, state in daemon.latest_states().items()
            ),
            channels=daemon.channel_names,
            activity=ActivityCounts(
                reads=dict(counters.reads),
                stream_events=dict(counters.stream_events),
                actions=dict(counters.actions),
                messages=dict(counters.messages),
                is_last_reload_ok=counters.is_last_reload_ok,
                config_loaded_at=counters.config_loaded_at,
            ),
        )
