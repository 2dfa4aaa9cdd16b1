"""Commands as processes of their own, forked from a server that has imported everything, so that they start fast.

They run the same code as `python -m monitor`, with environment, folder and streams of their own.
"""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from monitor.__main__ import main

# Modules that a command imports lazily: the server imports them before the first command.
PRELOADED = (
    "monitor.cli.commands.ack",
    "monitor.cli.commands.actions",
    "monitor.cli.commands.alerts",
    "monitor.cli.commands.call",
    "monitor.cli.commands.check",
    "monitor.cli.commands.compare",
    "monitor.cli.commands.completion.shell_script",
    "monitor.cli.commands.config",
    "monitor.cli.commands.db",
    "monitor.cli.commands.drill",
    "monitor.cli.commands.events",
    "monitor.cli.commands.export",
    "monitor.cli.commands.history.plot",
    "monitor.cli.commands.init",
    "monitor.cli.commands.interest",
    "monitor.cli.commands.notify",
    "monitor.cli.commands.report",
    "monitor.cli.commands.rules",
    "monitor.cli.commands.rules.backtest",
    "monitor.cli.commands.rules.lint",
    "monitor.cli.commands.rules.list",
    "monitor.cli.commands.rules.test",
    "monitor.cli.commands.run",
    "monitor.cli.commands.silence",
    "monitor.cli.commands.status",
    "monitor.cli.commands.stress",
    "monitor.cli.live_view",
    "monitor.exchange.binance.factory",
    "monitor.notify.factory",
    "monitor.runtime.daemon",
    "monitor.store.db.schema_migration",
    "monitor.store.store",
    "rich.console",
    "rich.table",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "tests.support.forked_command",
)

_context = multiprocessing.get_context("forkserver")


class ForkedProcess:
    """A forked command that runs beside the test, with the methods of a subprocess of asyncio.

    Created in the loop that waits for its end.
    """

    def __init__(self, process: ForkServerProcess, stderr: asyncio.StreamReader) -> None:
        self._process = process
        self.stderr = stderr
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(process.sentinel, self._note_end)

    @property
    def pid(self) -> int:
        pid = self._process.pid
        assert pid is not None
        return pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative after a signal; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        await self._ended.wait()
        code = self.returncode
        assert code is not None
        return code

    def _note_end(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self._ended.set()


def run_forked(
    words: Sequence[str], environment: Mapping[str, str], *, folder: Path | None = None, timeout_s: float = 60
) -> tuple[int, str, str]:
    """The exit code of `margin-monitor` with these words, its stdout and its stderr. Raises TimeoutExpired."""
    if needs_new_interpreter(environment):
        return _start(words, environment, folder, timeout_s)
    _context.set_forkserver_preload(list(PRELOADED))
    with tempfile.TemporaryDirectory(prefix="mm-command-") as streams:
        out, err = Path(streams, "out"), Path(streams, "err")
        process = _context.Process(
            target=_run, args=(list(words), dict(environment), str(folder or Path.cwd()), str(out), str(err))
        )
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(words), timeout_s, _text(out), _text(err))
        code = process.exitcode
        process.close()
        return code, _text(out), _text(err)


async def start_forked(words: Sequence[str], environment: Mapping[str, str], *, folder: Path) -> ForkedProcess:
    """`margin-monitor` with these words, running; its stdout is thrown away."""
    _context.set_forkserver_preload(list(PRELOADED))
    reader, writer = _context.Pipe(duplex=False)
    process = _context.Process(target=_run_beside, args=(list(words), dict(environment), str(folder), writer))
    # The first start waits until the server has imported everything.
    await asyncio.to_thread(process.start)
    writer.close()
    stderr = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stderr), os.fdopen(os.dup(reader.fileno()), "rb")
    )
    reader.close()
    return ForkedProcess(process, stderr)


def start_on_terminal(
    words: Sequence[str], environment: Mapping[str, str], *, folder: Path, terminal: int
) -> ForkServerProcess:
    """`margin-monitor` with these words in a session of its own, running on this terminal, which is closed here."""
    _context.set_forkserver_preload(list(PRELOADED))
    theirs = Connection(terminal)
    process = _context.Process(target=_run_on_terminal, args=(list(words), dict(environment), str(folder), theirs))
    process.start()
    theirs.close()
    return process


def needs_new_interpreter(environment: Mapping[str, str]) -> bool:
    """Return whether this environment changes what an interpreter loads: a forked one has loaded it already."""
    return not {"LD_PRELOAD", "PYTHONPATH"}.isdisjoint(environment)


def _start(
    words: Sequence[str], environment: Mapping[str, str], folder: Path | None, timeout_s: float
) -> tuple[int, str, str]:
    """The result of a newly started process: modules loaded before a program are missing in a forked one."""
    done = subprocess.run(
        [sys.executable, "-m", "monitor", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _run(words: list[str], environment: dict[str, str], folder: str, out: str, err: str) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), number)
    _run_main(words, environment, folder)


def _run_beside(words: list[str], environment: dict[str, str], folder: str, err: Connection) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(err.fileno(), 2)
    err.close()
    _run_main(words, environment, folder)


def _run_on_terminal(words: list[str], environment: dict[str, str], folder: str, terminal: Connection) -> None:
    os.setsid()
    for number in range(3):
        os.dup2(terminal.fileno(), number)
    terminal.close()
    _run_main(words, environment, folder)


def _run_main(words: list[str], environment: dict[str, str], folder: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  it lives as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["margin-monitor", *words]
    sys.exit(main(words))
