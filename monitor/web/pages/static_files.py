"""Style, scripts and icons: read into memory once, and found by their exact names only."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"

CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Everything else in the folder, such as licences, is not served."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """The files by their path below `/static/`. `version` changes with any of them, so that browsers may keep them."""

    files: dict[str, StaticFile]
    version: str


def read_static_files() -> StaticFiles:
    files = {
        path.relative_to(STATIC).as_posix(): StaticFile(path.read_bytes(), CONTENT_TYPES[path.suffix])
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in CONTENT_TYPES
    }
    digest = hashlib.sha256(b"".join(file.body for file in files.values()))
    return StaticFiles(files, digest.hexdigest()[:12])
