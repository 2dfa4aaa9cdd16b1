"""The lines of *In a container*, typed as the page shows them: on a base image of Debian's own Python, made here."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from monitor.sandbox.scenario.scenario import ApiKeyPermissions, hmac_key
from monitor.sandbox.server import SandboxInfo
from tests.docs.documented_setup import documented_setup
from tests.docs.pages import CHECKOUT
from tests.docs.shell_lines import shell_lines
from tests.support.daemon import eventually, starting_now
from tests.support.debian_system.root import make_debian_root, require_root_and
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

BASE = "docker.io/library/python:3.13-slim-bookworm"
"""The name of the base image; Debian's own Python stands under it here, because no test asks a registry of images."""

BASE_PACKAGES = ("python3-venv", "python-is-python3")
USER = 10001

SETTINGS = """\
[containers]
netns = "host"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
tmp_dir = "{folder}/engine"
[network]
network_config_dir = "{folder}/networks"
"""
"""The image is built and run on this machine's network, where the exchange of the test is."""


@dataclass(frozen=True, slots=True)
class Podman:
    """Podman with images, volumes and settings of its own."""

    folder: Path

    @property
    def environ(self) -> Mapping[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        own = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf", "TMPDIR": "tmp"}
        return {**kept, **{name: str(self.folder / file) for name, file in own.items()}}

    def run(self, line: str, folder: Path, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a line by a shell in the folder."""
        words = ["sh", "-c", line]
        return subprocess.run(
            words, cwd=folder, env=self.environ, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def type_line(self, line: str, folder: Path, timeout_s: float = 120.0) -> str:
        """Run a line, and return what it prints. Raises AssertionError for an exit code."""
        done = self.run(line, folder, timeout_s)
        assert done.returncode == 0, f"{line}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Podman with one image: the base."""
    require_root_and("podman", "runc", "mmdebstrap", "tar")
    folder = tmp_path_factory.mktemp("podman")
    storage = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(storage, encoding="utf-8")
    (folder / "containers.conf").write_text(SETTINGS.format(folder=folder), encoding="utf-8")
    (folder / "tmp").mkdir()
    made = Podman(folder)
    try:
        make_debian_root(folder / "base", BASE_PACKAGES)
        made.type_line(f"tar -C base -c . | podman import - {BASE}", folder, timeout_s=400)
        yield made
    finally:
        made.run("podman rm --force --all; podman rmi --force --all; podman volume rm --force --all", folder)
        made.run("umount storage/overlay", folder)
        shutil.rmtree(folder, ignore_errors=True)


async def test_page_leads_to_a_container_that_is_healthy_and_stops_cleanly(podman: Podman, tmp_path: Path) -> None:
    build, upgrade, run = (line for line in shell_lines() if line.startswith("podman "))
    assert (" -t " in build, upgrade.endswith(" db upgrade"), " -d " in run) == (True, True, True)
    await asyncio.to_thread(podman.type_line, build, CHECKOUT, 1200)
    calm = starting_now()
    key = hmac_key("main", ApiKeyPermissions(margin=False, trading=False, transfer=False))
    reading = tuple(replace(account, keys=(key,)) for account in calm.accounts)
    with http_sink() as phone:
        async with sandbox(replace(calm, accounts=reading)) as running:
            _write_configuration(tmp_path, running.ready, phone)
            await asyncio.to_thread(podman.type_line, upgrade, tmp_path)
            await asyncio.to_thread(podman.type_line, run, tmp_path)
            try:

                async def is_healthy() -> bool:
                    done = await asyncio.to_thread(podman.run, "podman healthcheck run margin-monitor", tmp_path)
                    return done.returncode == 0

                await eventually(is_healthy, 90)
                top = await asyncio.to_thread(podman.type_line, "podman top margin-monitor pid capeff", tmp_path)
                assert ["1", "none"] in [line.split() for line in top.splitlines()]
                number = "podman exec margin-monitor python -c 'import os; print(os.getuid())'"
                assert (await asyncio.to_thread(podman.type_line, number, tmp_path)).strip() == str(USER)
                await asyncio.to_thread(podman.type_line, "podman stop --time 20 margin-monitor", tmp_path)
                code = "podman inspect --format '{{.State.ExitCode}}' margin-monitor"
                assert (await asyncio.to_thread(podman.type_line, code, tmp_path)).strip() == "0"
            finally:
                log = await asyncio.to_thread(podman.run, "podman logs margin-monitor", tmp_path)
                print(log.stdout[-3000:], log.stderr[-3000:])
                await asyncio.to_thread(podman.run, "podman rm --force margin-monitor", tmp_path)


def _write_configuration(folder: Path, ready: SandboxInfo, phone: HttpSink) -> None:
    """The folder of the page: a configuration, and each secret in a file that only the container's user reads."""
    text, values = documented_setup(ready, phone)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    (folder / "config.toml").chmod(0o644)
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    for name, value in values.items():
        (secrets / name).touch(mode=0o600)
        (secrets / name).write_text(value, encoding="utf-8")
        os.chown(secrets / name, USER, USER)
    os.chown(secrets, USER, USER)
