"""The file of a bundle: only its owner can read it, and it replaces none."""

import os
import secrets
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from monitor.app.comparison import AccountComparison, describe_versions
from monitor.config.effective_config import effective_config
from monitor.config.model import Config
from monitor.config.redaction import KNOWN_SECRETS
from monitor.errors import MonitorError
from monitor.view.comparison.bundle import BundleAccount, bundle_files, pack_files

_STEPS = 10**12


def write_bundle(path: Path, config: Config, compared: Sequence[AccountComparison], now: datetime) -> None:
    """Write the archive. Raises MonitorError for a file that is there already or can't be written."""
    accounts = [BundleAccount(one.figures, one.answers) for one in compared]
    files = bundle_files(accounts, effective_config(config), describe_versions(), now, choose_factor, choose_part)
    packed = pack_files({name: KNOWN_SECRETS.redact(text) for name, text in files.items()})
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(packed)
    except FileExistsError as error:
        raise _existing_error(path) from error
    except OSError as error:
        raise MonitorError(f"can't write: {error.strerror}", where=str(path), mend="name another file") from error


def refuse_existing(path: Path) -> None:
    """Raise MonitorError for a file that is there already."""
    if path.exists():
        raise _existing_error(path)


def choose_factor() -> Decimal:
    """Return a random factor between a tenth and a thousand, of which each power of ten is equally likely."""
    exponent = Decimal(secrets.randbelow(4 * _STEPS)) / _STEPS - 1
    return Decimal(10) ** exponent


def choose_part() -> Decimal:
    """Return a random number from 0 to 1."""
    return Decimal(secrets.randbelow(_STEPS)) / _STEPS


def _existing_error(path: Path) -> MonitorError:
    return MonitorError("is already there", where=str(path), mend="name a new file")
