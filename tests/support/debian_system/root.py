"""A small Debian system in a folder, made by mmdebstrap from Debian's packages: root only."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

RELEASE = "bookworm"
"""The Debian release of the documentation's examples."""

CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"

MAKE_TIMEOUT_S = 600.0


def require_root_and(*programs: str) -> None:
    """Skip the test for anybody but root, and where a program is missing; in CI a missing program fails it."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a system of its own")
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        assert os.environ.get("CI") != "true", f"missing: {', '.join(missing)}; ./dev debian installs them"
        pytest.skip(f"missing: {', '.join(missing)} (./dev debian installs them)")


def make_debian_root(root: Path, packages: Sequence[str]) -> None:
    """Make a Debian system in `root`, which must not exist, with these packages beside the required ones.

    Its pip trusts `$PIP_CERT` and asks `$PIP_INDEX_URL`, where given. Raises AssertionError with mmdebstrap's words.
    """
    # What it mounts and starts ends with it.
    apart = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}", RELEASE]
    made = subprocess.run([*apart, *words, root], capture_output=True, text=True, timeout=MAKE_TIMEOUT_S, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    settings = []
    if certificates := os.environ.get("PIP_CERT"):
        (root / CERTIFICATES).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(certificates, root / CERTIFICATES)
        settings.append(f"cert = /{CERTIFICATES}")
    if index := os.environ.get("PIP_INDEX_URL"):
        settings.append(f"index-url = {index}")
    (root / "etc" / "pip.conf").write_text("\n".join(["[global]", *settings, ""]), encoding="utf-8")
