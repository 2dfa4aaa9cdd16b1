"""Commands as processes of their own, forked from a server that has imported everything, so that they start fast.

They run the same code as `python -m monitor`, with environment, folder and streams of their own.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
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


def run_forked(
    words: Sequence[str], environment: Mapping[str, str], *, folder: Path | None = None, timeout_s: float = 60
) -> tuple[int, str, str]:
    """The exit code of `margin-monitor` with these words, its stdout and its stderr. Raises TimeoutExpired."""
    if "LD_PRELOAD" in environment:
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
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  it lives as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["margin-monitor", *words]
    sys.exit(main(words))
