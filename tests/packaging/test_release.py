"""A release: wheel, sdist and the list of all that they bring along, the same bytes each time."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]


def release(folder: Path) -> dict[str, bytes]:
    """The files of a release, by their names."""
    done = subprocess.run(["./dev", "release", folder], cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def is_hashed(component: dict[str, Any]) -> bool:
    return any(reference.get("hashes") for reference in component["externalReferences"])


def test_release_lists_every_locked_version_and_repeats_its_bytes(tmp_path: Path) -> None:
    files = release(tmp_path / "first")
    assert sorted(Path(name).suffix for name in files) == [".gz", ".json", ".whl"]
    assert release(tmp_path / "second") == files
    listed = json.loads(files["margin_monitor.cdx.json"])
    assert (listed["bomFormat"], listed["metadata"]["component"]["name"]) == ("CycloneDX", "margin-monitor")
    lock = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    assert {component["name"]: component["version"] for component in listed["components"]} == locked
    assert all(is_hashed(component) for component in listed["components"])
