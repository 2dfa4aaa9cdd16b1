"""G27: reading commands on a store of a year, from the start of the process to the first row."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.process import ROOT
from benchmarks.report import Finding, Target, finding, main
from benchmarks.year_store import FULL, QUICK, YearSize, write_year

COMMANDS: Mapping[str, tuple[float, Sequence[str]]] = {
    "`status`": (150, ("status",)),
    "`alerts`": (150, ("alerts",)),
    "`history --since 30d` of one pair": (
        150,
        ("history", "margin_level", "--symbol", "P000USDT", "--since", "30d"),
    ),
    "`history --since 30d` of all": (150, ("history", "margin_level", "--since", "30d")),
    "`interest`": (150, ("interest",)),
    "`report`": (1000, ("report",)),
}
"""Each command with its target in milliseconds."""


def measure(quick: bool) -> list[Finding]:
    """The commands in turns, each a process of its own beside no daemon."""
    size, rounds = (QUICK, 2) if quick else (FULL, 7)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        config = write_config(Path(folder), size)
        took: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, (_, words) in COMMANDS.items():
                took[name].append(first_row_ms(config, words))
    about = f"first row, {size.scopes} scopes, {size.samples:,} samples"
    return [
        finding(Target("G27", target), f"{name}: {about}", "ms", took[name]) for name, (target, _) in COMMANDS.items()
    ]


def write_config(folder: Path, size: YearSize) -> Path:
    """A configuration in `folder`, its database filled with a year."""
    database = f"sqlite:///{folder / 'monitor.db'}"
    write_year(database, size, datetime.now(UTC))
    config = folder / "config.toml"
    config.touch(mode=0o600)
    config.write_text(
        f'[storage]\nurl = "{database}"\n\n[http]\nlisten = ""\n\n'
        '[[accounts]]\nname = "main"\napi_key = "key"\napi_secret = "secret"\n'
    )
    return config


def first_row_ms(config: Path, words: Sequence[str]) -> float:
    """Milliseconds from the start of the command to the first row that it prints."""
    # Unbuffered output would be slower than what people use; a row counts once it can be read.
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "--config", str(config), *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = os.read(process.stdout.fileno(), 1)
        took = (time.perf_counter() - began) * 1000
        process.stdout.read()
        error = process.stderr.read().decode()
    if not first or process.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {error.strip() or 'no row'}")
    return took


if __name__ == "__main__":
    main(measure, __doc__ or "")
