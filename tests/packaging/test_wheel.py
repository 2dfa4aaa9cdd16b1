"""The wheel alone, in an environment that has nothing else of ours: what a user installs works."""

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from monitor.version import describe_version

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
EPOCH = "1764000000"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheel and sdist, by their suffix."""
    return build(ROOT, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def wheel(built: dict[str, Path]) -> Path:
    return built[".whl"]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `margin-monitor` command of an environment made for it alone, without any extra."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    # The locked versions, of which pip takes those that the wheel asks for.
    lock = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.removesuffix(" \\") for line in lock if line[:1].isalnum()]
    (home / "constraints.txt").write_text("\n".join(pins), encoding="utf-8")
    run(home / "bin" / "python", "-m", "pip", "install", "--quiet", "-c", home / "constraints.txt", wheel)
    return home / "bin" / "margin-monitor"


def build(source: Path, target: Path) -> dict[str, Path]:
    # Built without isolation: the lock has the build's own needs, and nothing else is fetched.
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", target, cwd=source)
    return {path.suffix: path for path in target.iterdir()}


def run(*command: str | Path, cwd: Path | None = None, home: Path | None = None) -> str:
    done = try_run(*command, cwd=cwd, home=home)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def try_run(
    *command: str | Path, cwd: Path | None = None, home: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MARGIN_MONITOR_CONFIG")}
    environ["SOURCE_DATE_EPOCH"] = EPOCH
    if home is not None:
        environ |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, env=environ, cwd=cwd, timeout=800, check=False)


def test_two_builds_give_the_same_bytes(built: dict[str, Path], tmp_path: Path) -> None:
    again = build(ROOT, tmp_path / "again")
    assert {suffix: path.read_bytes() for suffix, path in again.items()} == {
        suffix: path.read_bytes() for suffix, path in built.items()
    }


def test_sdist_builds_the_same_wheel(built: dict[str, Path], tmp_path: Path) -> None:
    with tarfile.open(built[".gz"]) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    from_sdist = build(source, tmp_path / "built")[".whl"]
    assert from_sdist.read_bytes() == built[".whl"].read_bytes()


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


def test_version_of_the_installed_command_names_the_commit(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "--version", cwd=tmp_path, home=tmp_path) == f"margin-monitor {describe_version()}\n"
    assert "(" in describe_version()


def test_init_then_db_upgrade_work_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    words = ("init", "--non-interactive", "--account", "main", "--api-key", "env:KEY", "--api-secret", "env:SECRET")
    run(installed, *words, "--isolated", "all", "--channel", "phone=json://127.0.0.1:1/", cwd=tmp_path, home=tmp_path)
    assert (tmp_path / "config" / "margin-monitor" / "config.toml").stat().st_mode & 0o777 == 0o600
    run(installed, "db", "upgrade", cwd=tmp_path, home=tmp_path)
    status = json.loads(run(installed, "status", "--json", cwd=tmp_path, home=tmp_path))
    assert [account["state"] for account in status["accounts"]] == ["unknown"]


def test_missing_extra_is_one_line_with_the_command_that_installs_it(installed: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '[storage]\nurl = "postgresql+psycopg://127.0.0.1/monitor"\n'
        '[[accounts]]\nname = "main"\napi_key = "env:KEY"\napi_secret = "env:SECRET"\n'
        '[[channels]]\nname = "phone"\nurl = "mqtt://127.0.0.1/topic"\n'
    )
    path.chmod(0o600)
    refused = try_run(installed, "--config", path, "status", home=tmp_path)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (69, "", 1)
    assert 'pip install "margin-monitor[postgres]"' in refused.stderr
    tested = try_run(installed, "--config", path, "notify", "test", home=tmp_path)
    assert tested.returncode == 1
    assert 'pip install "margin-monitor[mqtt]"' in tested.stdout
    assert "Traceback" not in tested.stderr


def test_missing_buttons_of_telegram_are_one_line_with_their_extra(installed: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '[[accounts]]\nname = "main"\napi_key = "env:KEY"\napi_secret = "env:SECRET"\n'
        '[[channels]]\nname = "phone"\nurl = "tgram://123456789:abcdefghijklmnopqrstuvwxyzABCDEFGHI/987654321"\n'
        '[[replies]]\nchannel = "phone"\nusers = [987654321]\n'
    )
    path.chmod(0o600)
    # Refused before anything is sent, so nothing leaves.
    tested = try_run(installed, "--config", path, "notify", "test", home=tmp_path)
    assert tested.returncode == 1
    assert "pip install 'margin-monitor[telegram]'" in tested.stdout
    assert "Traceback" not in tested.stderr


def test_completion_and_the_schema_are_printed_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert "complete -o bashdefault" in run(installed, "completion", "bash", cwd=tmp_path, home=tmp_path)
    assert json.loads(run(installed, "config", "schema", cwd=tmp_path, home=tmp_path))["required"] == ["accounts"]


def test_the_demo_plays_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    document = json.loads(run(installed, "demo", "--json", cwd=tmp_path, home=tmp_path))
    assert document["ok"] is True
