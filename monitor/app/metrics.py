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
        """Return the daemon as it is now. Only references and counts are copied: that delays no step.

        Counts of accounts and channels that a reload removed are left out.
        """
        daemon, now = self._daemon(), self._clock.now()
        if daemon is None:
            return DaemonView(now, __version__, None, (), (), ActivityCounts())
        failing, counters = daemon.failing_accounts, daemon.counters
        memories, channels, held = daemon.latest_memories(), daemon.channel_names, daemon.share.held
        return DaemonView(
            now=now,
            version=__version__,
            started_at=counters.started_at,
            accounts=tuple(
                AccountView(
                    name, memory.state, daemon.settings(name), name in failing, memory.last_metrics, name in held
                )
                for name, memory in memories.items()
            ),
            channels=channels,
            activity=ActivityCounts(
                # A reload keeps the counts, also of what it removed.
                reads={key: count for key, count in counters.reads.items() if key[0] in memories},
                stream_events={key: count for key, count in counters.stream_events.items() if key[0] in memories},
                actions=dict(counters.actions),
                messages={key: count for key, count in counters.messages.items() if key[0] in channels},
                is_last_reload_ok=counters.is_last_reload_ok,
                config_loaded_at=counters.config_loaded_at,
            ),
        )
