"""Health of the daemon: what its accounts are told of it, which accounts fail, and what the heartbeat must report."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.core.engine.health import AccountHealth, health_problems
from monitor.core.model.events import HealthRead
from monitor.runtime.account.supervisor import AccountSupervisor, WatchedAccount
from monitor.runtime.load.time_budget import TimeBudget
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.replies.reply_service import ReplyHealth
from monitor.runtime.store_session import StoreSession
from monitor.store.store import Store


class DaemonHealth:
    """Health of the accounts, the channels and the store of one daemon."""

    def __init__(
        self,
        accounts: Mapping[str, WatchedAccount],
        supervisor: AccountSupervisor,
        notifier: Notifier,
        reply_health: ReplyHealth,
        store: Store,
        store_session: StoreSession,
        clock: Clock,
        ticks: TimeBudget,
    ) -> None:
        """`ticks`: the interval of the accounts' ticks."""
        self._accounts = accounts
        self._supervisor = supervisor
        self._notifier = notifier
        self._reply_health = reply_health
        self._store = store
        self._store_session = store_session
        self._clock = clock
        self._ticks = ticks
        self._last_step_at: dict[str, datetime] = {}

    def read(self, account: str) -> HealthRead:
        """Return the health of what all accounts share, and whether this daemon holds the account."""
        lease = self._store.lease_of(account)
        return HealthRead(
            notifications_failing=len(self.channel_problems),
            # Nothing may be decided before the store is loaded.
            store_failing=self._store.is_failing or not self._store_session.is_known,
            store_space_low=self._store_session.space_low,
            lease_held=lease.is_held if lease is not None else not self._store.is_shared,
        )

    @property
    def channel_problems(self) -> Mapping[str, str]:
        """The channels that do not work, and why: their messages are not taken, or their answers can't be read."""
        return {**self._reply_health.problems(), **self._notifier.problems}

    @property
    def is_recording(self) -> bool:
        """True if the store is loaded and can be written."""
        return self._store_session.is_known and not self._store.is_failing

    @property
    def unread_accounts(self) -> frozenset[str]:
        """The accounts that run, but of which no read has brought any figures since the start."""
        up = self._accounts.keys() - self.failing_accounts
        services = self._supervisor.services
        return frozenset(name for name in up if name not in services or not services[name].has_answered)

    @property
    def failing_accounts(self) -> Mapping[str, str]:
        """The accounts that are down or fail again and again, each with the cause of its last failure."""
        failing = filter(self._supervisor.is_failing, self._accounts)
        return {name: self._supervisor.last_cause(name) for name in failing}

    @property
    def is_every_account_known(self) -> bool:
        """True if every account was read and evaluated since the start, or is known to be failing."""
        services = self._supervisor.services
        return all(
            (name in services and services[name].has_read) or self._supervisor.is_failing(name)
            for name in self._accounts
        )

    def note_steps(self, accounts: Iterable[str]) -> None:
        """Note that these accounts have completed a step."""
        now = self._clock.now()
        self._last_step_at |= dict.fromkeys(accounts, now)

    def readiness_problems(self, started_at: datetime | None, stale_after: timedelta) -> tuple[str, ...]:
        """Return the reasons why the daemon is not ready: data that are stale, unknown critical conditions, a failing
        store, accounts that are down."""
        failing = self.failing_accounts
        down = tuple(f"account {name} is down ({cause})" for name, cause in failing.items())
        accounts = {name: account for name, account in self._accounts_health(started_at).items() if name not in failing}
        return down + health_problems(accounts, {}, not self.is_recording, stale_after, self._clock.now())

    def problems(self, started_at: datetime | None, ping_interval: timedelta) -> tuple[str, ...]:
        """Return the reasons why the heartbeat must not report that all is well."""
        return health_problems(
            self._accounts_health(started_at),
            self.channel_problems,
            self._store.is_failing,
            ping_interval,
            self._clock.now(),
        )

    def _accounts_health(self, started_at: datetime | None) -> Mapping[str, AccountHealth]:
        since = started_at or self._clock.now()
        services = self._supervisor.services
        return {
            name: AccountHealth(
                account.policy.settings,
                services[name].runner.state if name in services else None,
                (services[name].runner.ticked_at if name in services else None) or self._last_step_at.get(name, since),
                timedelta(seconds=self._ticks.interval_s),
            )
            for name, account in self._accounts.items()
        }
