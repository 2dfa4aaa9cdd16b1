"""Secrets that were typed: each goes into a file of its own that only its owner can read."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from monitor.cli.config_template import InitAnswers
from monitor.config.secrets import parse_ref
from monitor.errors import MonitorError


def move_secrets(answers: InitAnswers, folder: Path) -> tuple[InitAnswers, Mapping[Path, str]]:
    """Return the answers with references in the place of typed secrets, and the files that these need.

    A file that is there already is never chosen: the next free name is.
    """
    files: dict[Path, str] = {}

    def move(value: str, name: str) -> str:
        if not value or parse_ref(value).kind != "literal":
            return value
        path = _free_path(folder, name, files)
        files[path] = value
        return f"file:{path.name}"

    account = _file_name(answers.account)
    moved = replace(
        answers,
        api_key=move(answers.api_key, f"{account}-key"),
        api_secret=move(answers.api_secret, f"{account}-secret"),
        private_key=move(answers.private_key, f"{account}-private-key"),
        passphrase=move(answers.passphrase, f"{account}-passphrase"),
        channels=tuple((name, move(url, f"{_file_name(name)}-url")) for name, url in answers.channels),
    )
    return moved, files


def write_secrets(files: Mapping[Path, str]) -> None:
    """Write the files, mode 0600. Raises MonitorError; what was written before is taken back."""
    written: list[Path] = []
    try:
        for path, secret in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            written.append(path)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{secret}\n")
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        remove_secrets(written)
        mend = "choose another place for the configuration"
        raise MonitorError(f"can't write: {error.strerror}", where=str(error.filename), mend=mend) from error


def remove_secrets(files: "Mapping[Path, str] | list[Path]") -> None:
    """Remove the files of a configuration that could not be written."""
    for path in files:
        path.unlink(missing_ok=True)


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-") or "account"


def _free_path(folder: Path, name: str, taken: Mapping[Path, str]) -> Path:
    number = 1
    while True:
        path = folder / (name if number == 1 else f"{name}-{number}")
        if path not in taken and not path.exists():
            return path
        number += 1
