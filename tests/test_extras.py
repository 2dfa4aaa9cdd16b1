"""Packages of extras that are not installed: one line with the fix."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from monitor.extras import EXTRAS
from tests.support.command import NO_PAGE

ACCOUNT = '\n[[accounts]]\nname = "main"\napi_key = "key"\napi_secret = "secret"\n'
POSTGRES = '[storage]\nurl = "postgresql+psycopg://127.0.0.1:1/monitor"\n' + ACCOUNT
MQTT = ACCOUNT + '[[channels]]\nname = "phone"\nurl = "mqtt://127.0.0.1:1/topic"\n'


def run_without(module: str, folder: Path, config: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in an interpreter that can't import the module."""
    path = folder / "config.toml"
    path.write_text(config + NO_PAGE)
    path.chmod(0o600)
    blocked = [module, module.partition(".")[0]]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); "
        f"from monitor.__main__ import main; sys.exit(main({['--config', str(path), *words]!r}))"
    )
    environ = {"HOME": str(folder), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("words", [("status",), ("db", "upgrade")])
def test_postgresql_without_its_package_is_one_line(words: tuple[str, ...], tmp_path: Path) -> None:
    ended = run_without("psycopg", tmp_path, POSTGRES, *words)
    assert (ended.returncode, ended.stdout) == (69, "")
    assert ended.stderr == (
        '[storage] url: PostgreSQL needs the package psycopg; install it: `pip install "margin-monitor[postgres]"`\n'
    )


def test_mqtt_without_its_package_is_said_by_check_and_by_a_test_message(tmp_path: Path) -> None:
    line = 'mqtt:// needs a package that is not installed; install it: `pip install "margin-monitor[mqtt]"`'
    checked = run_without("paho.mqtt.client", tmp_path, MQTT, "check", "--offline")
    assert checked.returncode == 1
    assert line in checked.stdout
    tested = run_without("paho.mqtt.client", tmp_path, MQTT, "notify", "test")
    assert tested.returncode == 1
    assert line in tested.stdout
    assert "Traceback" not in checked.stderr + tested.stderr


def test_every_extra_is_one_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS.values()) | {"fast", "dev"} <= project["optional-dependencies"].keys()
