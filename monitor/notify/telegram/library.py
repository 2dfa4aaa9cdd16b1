"""The bot library, an optional extra: loaded at the first use, and quiet about addresses, which hold the token."""

import importlib.metadata
import logging
import os

from monitor.errors import ConfigError

DISTRIBUTION = "python-telegram-bot"
EXTRA = "pip install 'margin-monitor[telegram]'"


def check_library(where: str) -> None:
    """Raise ConfigError, with the command that installs it, when the library is missing."""
    try:
        importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(f"buttons of Telegram need {DISTRIBUTION}", where=where, mend=EXTRA) from None


def prepare_library() -> None:
    """Set what must hold before the library is imported. Its debug lines quote addresses, which hold the token."""
    # Time spans of its errors are timedelta then, without a warning at each.
    os.environ["PTB_TIMEDELTA"] = "true"
    # Its critical ones quote whole updates.
    logging.getLogger("telegram").setLevel(logging.CRITICAL + 1)
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
