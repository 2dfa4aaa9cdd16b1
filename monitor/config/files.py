"""Files that say what the daemon does: read only when nobody but their owner or root can have written them."""

import stat
from pathlib import Path

from monitor.errors import ConfigError


def read_owned_file(path: Path, display_name: str) -> tuple[bytes, int]:
    """The content and permissions of a configuration file; `shown` is how errors call it.

    Raises ConfigError when it can't be read, or when others than its owner or root can write it.
    """
    content, mode = read_file(path, display_name)
    if mode & 0o022:
        raise ConfigError("others than its owner can write it", where=display_name, mend=f"chmod go-w {path}")
    return content, mode


def read_file(path: Path, display_name: str) -> tuple[bytes, int]:
    """The same for a file that needs no guard, because it comes with the program."""
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
