"""The wheel alone, in an environment that has nothing else of ours: what a user installs works."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Built without isolation: the lock has the build's own needs, and nothing else is fetched.
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `margin-monitor` command of an environment made for it alone."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel)
    return home / "bin" / "margin-monitor"


def run(*command: str | Path, cwd: Path | None = None, home: Path | None = None) -> str:
    environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MARGIN_MONITOR_CONFIG")}
    if home is not None:
        environ |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=environ, cwd=cwd, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def test_wheel_installs_only_the_package(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"monitor"}


def test_wheel_holds_the_pages_and_the_licences_of_their_libraries(wheel: Path) -> None:
    pages = {name.removeprefix("monitor/web/pages/") for name in zipfile.ZipFile(wheel).namelist()}
    files = {
        "templates/base.html",
        "templates/parts/macros.html",
        "static/page.css",
        "static/page.js",
        "static/account.js",
    }
    vendored = {"idiomorph.min.js", "idiomorph.LICENSE", "uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE"}
    assert files | {f"static/vendor/{name}" for name in vendored} <= pages


def test_init_then_db_upgrade_work_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    run(
        *(
            installed,
            "init",
            "--non-interactive",
            "--account",
            "main",
            "--api-key",
            "env:KEY",
            "--api-secret",
            "env:SECRET",
        ),
        *("--isolated", "all", "--channel", "phone=json://127.0.0.1:1/"),
        cwd=tmp_path,
        home=tmp_path,
    )
    assert (tmp_path / "config" / "margin-monitor" / "config.toml").stat().st_mode & 0o777 == 0o600
    run(installed, "db", "upgrade", cwd=tmp_path, home=tmp_path)
    status = json.loads(run(installed, "status", "--json", cwd=tmp_path, home=tmp_path))
    assert [account["state"] for account in status["accounts"]] == ["unknown"]


def test_the_demo_plays_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    document = json.loads(run(installed, "demo", "--json", cwd=tmp_path, home=tmp_path))
    assert document["ok"] is True
