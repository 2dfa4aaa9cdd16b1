"""The configuration file: readable by its owner alone, written whole or not at all."""

import os
import tempfile
from pathlib import Path

from monitor.errors import MonitorError


def write_config_file(target: Path, content: bytes, *, force: bool) -> None:
    """Write the file, mode 0600, whole or not at all. Without `force` it never replaces one. Raises MonitorError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if force:
                Path(temporary).replace(target)
            else:
                target.hardlink_to(temporary)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except FileExistsError as error:
        raise exists_error(target) from error
    except OSError as error:
        raise MonitorError(f"can't write: {error.strerror}", where=str(target), mend="choose --output FILE") from error


def exists_error(target: Path, mend: str = "use --force to overwrite it, or --output FILE") -> MonitorError:
    """The error of a file that is there already."""
    return MonitorError("is already there", where=str(target), mend=mend)
