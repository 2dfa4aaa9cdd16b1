"""Configuration files, accepted only when nobody but their owner or root can write them."""

import stat
from pathlib import Path

from monitor.errors import ConfigError


def read_owned_file(path: Path, display_name: str) -> tuple[bytes, int]:
    """The content and permissions of a configuration file; `display_name` is its name in errors.

    Raises ConfigError when the file can't be read, or when others than its owner or root can write it.
    """
    content, mode = read_file(path, display_name)
    if mode & 0o022:
        raise ConfigError("others than its owner can write it", where=display_name, mend=f"chmod go-w {path}")
    return content, mode


def read_file(path: Path, display_name: str) -> tuple[bytes, int]:
    """The content and permissions of a file that comes with the program and needs no check of its owner."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no file {path}", where=display_name, mend="check the path; `margin-monitor init` writes one"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"can't read {path} ({error.strerror})", where=display_name, mend="check the path and its owner"
        ) from error
    return content, mode
