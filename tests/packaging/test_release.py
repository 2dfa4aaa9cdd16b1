"""A release: wheel, sdist and the list of all that they bring along, the same bytes each time."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.docs.shell_lines import shell_lines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]


LINE = "./dev release"
"""The line of the pages, which leaves the release in dist/."""

DECIDING = ("pyproject.toml", "requirements/dev.txt")
"""What an environment is made from."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with the environment of this checkout, where there is a whole one."""
    made = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, made], check=True, timeout=120)
    alike = all((made / name).read_bytes() == (ROOT / name).read_bytes() for name in DECIDING)
    if alike and (ROOT / ".venv" / ".locked-dev").exists():
        (made / ".venv").symlink_to(ROOT / ".venv")
    return made


def release(clone: Path, folder: Path, *words: str | Path) -> dict[str, bytes]:
    """The files of a release that `words` make in `folder`, by their names."""
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def is_hashed(component: dict[str, Any]) -> bool:
    return any(reference.get("hashes") for reference in component["externalReferences"])


def test_release_lists_every_locked_version_and_repeats_its_bytes(clone: Path, tmp_path: Path) -> None:
    assert LINE in shell_lines()
    files = release(clone, clone / "dist", *LINE.split())
    assert sorted(Path(name).suffix for name in files) == [".gz", ".json", ".whl"]
    second = tmp_path / "second"
    assert release(clone, second, *LINE.split(), second) == files
    listed = json.loads(files["margin_monitor.cdx.json"])
    assert (listed["bomFormat"], listed["metadata"]["component"]["name"]) == ("CycloneDX", "margin-monitor")
    lock = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    assert {component["name"]: component["version"] for component in listed["components"]} == locked
    assert all(is_hashed(component) for component in listed["components"])
