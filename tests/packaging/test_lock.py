"""The development lock: every supported Python takes each version, and its servers run where the system has none."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.support.mqtt import BROKERS
from tests.support.postgres import PostgresServer, packaged_binaries

ROOT = Path(__file__).resolve().parents[2]

PYTHONS = ("3.11.2", "3.12", "3.13", "3.14")
"""The first is that of Debian 12, the oldest that anybody will have."""


@pytest.mark.parametrize("python", PYTHONS)
def test_every_locked_version_allows_the_python(python: str) -> None:
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)
    assert len(names) > 100
    refused = {name: wanted for name in names if python not in SpecifierSet(wanted := _wanted_python(name))}
    assert refused == {}


def test_locked_postgresql_answers() -> None:
    binaries = packaged_binaries()
    if binaries is None:
        pytest.skip("the lock has PostgreSQL for Linux on x86_64 alone")
    server = PostgresServer.create(binaries)
    try:
        server.start()
        with server.connect("postgres") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.remove()


def test_lock_brings_an_mqtt_broker() -> None:
    assert BROKERS[-1] == "rumqttd"


def _wanted_python(name: str) -> str:
    """The versions of Python that the package asks for; any where it is not installed on this platform."""
    try:
        return str(metadata(name).json.get("requires_python", ""))
    except PackageNotFoundError:
        return ""
