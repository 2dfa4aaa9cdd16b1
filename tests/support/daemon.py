"""The real daemon with a sandbox: in this process through the composition root, or as a child that can be killed."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.app.daemon import build_daemon
from monitor.app.database import attach_store, open_store
from monitor.cli.daemon.daemon_supervisor import DaemonSupervisor
from monitor.clock import Clock, MachineClock, SystemClock
from monitor.config.loading import load_config
from monitor.config.model import Config
from monitor.core.state.account_state import AccountState
from monitor.records.alerts import AlertRow
from monitor.runtime.daemon import Daemon
from monitor.runtime.systemd import ServiceManager
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario
from monitor.sandbox.server import Sandbox, SandboxInfo
from monitor.sandbox.virtual_clock import VirtualClock
from monitor.store.command_store import ReadStore
from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.status import read_live_documents
from monitor.store.store import Store
from tests.support.databases import provide_sqlite_file
from tests.support.forked_command import ForkedProcess, needs_new_interpreter, start_forked
from tests.support.timeouts import DEADLINE_FACTOR

FAST_SCHEDULE = {"cross": "1s", "isolated": "1s", "near_liquidation": "1s"}
"""Short intervals for tests."""

CHECKOUT = Path(__file__).parents[2]

POLL_S, SHORT_S = 0.02, 0.001
STARTS_WITHIN_S = 30.0
ENDS_WITHIN_S = 15.0


class SandboxMachine(MachineClock):
    """A machine whose clocks are the sandbox's: frozen, advanced and sped up with it."""

    def __init__(self, timeline: VirtualClock) -> None:
        self._timeline = timeline

    @property
    def steady_base(self) -> str:
        return ""

    def wall_s(self) -> float:
        return self._timeline.now_ms() / 1000 / self._timeline.speed

    def steady_s(self) -> float:
        return self.wall_s()

    def awake_s(self) -> float:
        return self.wall_s()


class SandboxClock(SystemClock):
    """The sandbox's own time, for a daemon in the same process: no measurement can improve it."""

    def __init__(self, timeline: VirtualClock) -> None:
        start = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=timeline.now_ms())
        machine = SandboxMachine(timeline)
        super().__init__(start, timeline.speed, anchor=machine.wall_s(), machine=machine)

    async def sleep(self, seconds: float) -> None:
        until_s = self.elapsed_s() + seconds
        while True:
            left_s = until_s - self.elapsed_s()
            if left_s <= 0:
                return
            # Time may be frozen or advanced at any moment.
            await asyncio.sleep(min(POLL_S, max(SHORT_S, left_s / self.speed)))

    def learn(self, server: datetime, sent_s: float, received_s: float) -> None:
        now_s = self.elapsed_s()
        super().record_measurement(self.moment_of(now_s), now_s, now_s)


def starting_now(scenario: Scenario | None = None) -> Scenario:
    """The scenario (calm by default) starting at the machine's present, as a child process needs it."""
    return replace(scenario or calm_scenario(), start=datetime.now(UTC))


def write_config(
    folder: Path,
    ready: SandboxInfo,
    *,
    url: str = "",
    channels: Mapping[str, str] | None = None,
    schedule: Mapping[str, str] | None = None,
    more: str = "",
    first: str = "",
    name: str = "config.toml",
) -> Path:
    """Write a config for this sandbox to `folder`, readable by its owner alone.

    `url`: the database, by default a new SQLite file there. `channels`: webhooks by name. `schedule`: FAST_SCHEDULE by
    default. `first` are top-level keys, `more` whole tables at the end.
    """
    tables = [
        first,
        f'[storage]\nurl = "{url or f"sqlite:///{folder}/monitor.db"}"',
        f'[exchange]\nrest_url = "{ready.rest_url}"\nws_api_url = "{ready.ws_api_url}"\n'
        f'market_stream_url = "{ready.market_stream_url}"\nrisk_stream_url = "{ready.risk_stream_url}"\n'
        'request_timeout = "1s"',
        "\n".join(["[schedule]", *(f'{key} = "{value}"' for key, value in (schedule or FAST_SCHEDULE).items())]),
        *(
            f'[[accounts]]\nname = "{account["name"]}"\n'
            f'api_key = "{account["api_key"]}"\napi_secret = "{account["api_secret"]}"'
            for account in ready.accounts
        ),
        *(f'[[channels]]\nname = "{key}"\nwebhook = "{value}"' for key, value in (channels or {}).items()),
        more,
        # Tests run side by side: only one of them could have the default port.
        "" if "[http]" in more else '[http]\nlisten = ""',
    ]
    text = "\n\n".join(table for table in tables if table) + "\n"
    tomllib.loads(text)
    folder.mkdir(exist_ok=True)
    if not url:
        provide_sqlite_file(folder / "monitor.db")
    path = folder / name
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
    return path


@dataclass(frozen=True, slots=True)
class InProcessDaemon:
    """A daemon in this process, its store, and queries for tests."""

    daemon: Daemon
    store: Store
    config: Config
    clock: Clock
    task: "asyncio.Task[None]"

    def state(self, account: str = "main") -> AccountState:
        """The daemon's present state of an account."""
        return self.daemon.account_states()[account]

    async def wait_for_state(
        self, claim: Callable[[AccountState], object], within_s: float = 20, account: str = "main"
    ) -> None:
        """Wait until `claim` holds of the account's state. Raises AssertionError after the time-out."""

        async def holds() -> bool:
            state = self.daemon.account_states().get(account)
            return state is not None and bool(claim(state))

        await self._wait(holds, within_s)

    async def wait_for_document(
        self, claim: Callable[[dict[str, Any]], object], within_s: float = 20
    ) -> dict[str, Any]:
        """The live document in the database (first account) once `claim` holds of it."""
        found: dict[str, Any] = {}

        async def holds() -> bool:
            nonlocal found
            rows = await self.store.read(read_live_documents)
            found = json.loads(rows[0].document) if rows else {}
            return bool(rows) and bool(claim(found))

        await self._wait(holds, within_s)
        return found

    async def alerts(self) -> tuple[AlertRow, ...]:
        """Every alert in the database that ever fired or is open, oldest first."""
        rows = await self.store.read(read_alerts, include_closed=True)
        return tuple(sorted(rows, key=lambda row: row.alert.id))

    async def wait_for_alerts(self, claim: Callable[[Sequence[AlertRow]], object], within_s: float = 20) -> None:
        """Wait until `claim` holds of the alerts in the database."""

        async def holds() -> bool:
            return bool(claim(await self.alerts()))

        await self._wait(holds, within_s)

    async def _wait(self, holds: Callable[[], "asyncio.Future[bool] | Any"], within_s: float) -> None:
        await eventually(holds, within_s, given_up=lambda: self.task.done())


@contextlib.asynccontextmanager
async def in_process_daemon(
    config: Path, clock: Clock | None = None, *, waits: bool = True
) -> AsyncIterator[InProcessDaemon]:
    """The daemon of this config in this process, stopped gracefully at the end. The clock: the machine's.

    `waits` False: the context starts whether or not the database is available.
    """
    loaded = load_config(config, {})
    time = clock or SystemClock()
    store = await asyncio.to_thread(open_store if waits else attach_store, loaded)
    try:
        daemon = build_daemon(loaded, store, time)
        task = asyncio.create_task(daemon.run())
        try:
            yield InProcessDaemon(daemon, store, loaded, time, task)
        finally:
            daemon.stop()
            await asyncio.wait_for(task, ENDS_WITHIN_S * DEADLINE_FACTOR)
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def in_process_run(config: Path, clock: Clock) -> AsyncIterator[DaemonSupervisor]:
    """`run` of this config in this process, ready for reloads."""
    loaded = load_config(config, {})
    store = await asyncio.to_thread(open_store, loaded)
    try:
        turn = DaemonSupervisor(loaded, clock, ServiceManager())
        task = asyncio.create_task(turn.run(store))
        try:
            yield turn
        finally:
            turn.stop()
            await asyncio.wait_for(task, 2 * ENDS_WITHIN_S * DEADLINE_FACTOR)
    finally:
        await store.close()


def clock_of(sandbox: Sandbox) -> SandboxClock:
    """The time of a sandbox in this process."""
    return SandboxClock(sandbox.timeline)


@dataclass(slots=True)
class DaemonProcess:
    """`margin-monitor run` as a process of its own. `lines` is its stderr so far."""

    process: asyncio.subprocess.Process | ForkedProcess
    lines: list[str] = field(default_factory=list)
    _reader: "asyncio.Task[None] | None" = None

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def wait_for_line(self, part: str, within_s: float = STARTS_WITHIN_S, *, times: int = 1) -> None:
        """Wait until `part` occurred in `times` lines of its stderr."""

        async def holds() -> bool:
            return sum(part in line for line in self.lines) >= times

        await eventually(holds, within_s, given_up=lambda: self.process.returncode is not None, story=lambda: self.text)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = ENDS_WITHIN_S) -> int:
        """The exit code after this signal."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return await self.wait_for_exit(within_s)

    async def wait_for_exit(self, within_s: float = ENDS_WITHIN_S) -> int:
        """The exit code, once the process has ended by itself."""
        code = await asyncio.wait_for(self.process.wait(), within_s * DEADLINE_FACTOR)
        if self._reader is not None:
            await self._reader
        return code

    async def read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.lines.append(line.decode().rstrip())


@contextlib.asynccontextmanager
async def daemon_process(
    config: Path,
    *words: str,
    environ: Mapping[str, str] | None = None,
    is_new: bool = False,
    checkout: Path = CHECKOUT,
) -> AsyncIterator[DaemonProcess]:
    """`margin-monitor --config … run` as a child, killed at the end if it still runs.

    `is_new`: a newly started interpreter, as a service manager starts it, instead of a forked one. `checkout` holds
    another version of the program.
    """
    words = ("--config", str(config), *words, "run")
    environment = {"PATH": os.environ["PATH"], "HOME": str(config.parent), "LC_ALL": "C.UTF-8", **(environ or {})}
    process: asyncio.subprocess.Process | ForkedProcess
    if is_new or checkout != CHECKOUT or needs_new_interpreter(environment):
        process = await _start_interpreter(words, environment, checkout)
    else:
        process = await start_forked(words, environment, folder=CHECKOUT)
    child = DaemonProcess(process)
    child._reader = asyncio.create_task(child.read())
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await child.wait_for_exit()


async def _start_interpreter(
    words: Sequence[str], environment: Mapping[str, str], folder: Path
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", *words),
        env=environment,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )


@contextlib.contextmanager
def read_store(url: str) -> Any:
    """The database of a daemon, opened read-only at the same time."""
    with ReadStore.open(url) as store:
        yield store


async def eventually(
    holds: Callable[[], Any],
    within_s: float = 20,
    *,
    given_up: Callable[[], bool] = lambda: False,
    story: Callable[[], str] = lambda: "",
) -> None:
    """Wait until the coroutine function `holds` returns True.

    Raises AssertionError after the time-out (see DEADLINE_FACTOR).
    Daemon and sandbox often run in this same loop: between two checks they get three times the duration of a check.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    deadline = began + within_s * DEADLINE_FACTOR
    while not await holds():
        now = clock()
        assert not given_up(), f"it ended before that: {story()}"
        assert now < deadline, f"not within {within_s} s: {story()}"
        await asyncio.sleep(min(max(0.02, 3 * (now - began)), 1))
        began = clock()
