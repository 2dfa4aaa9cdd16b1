"""The file whose existence pauses all actions."""

import os


def exists(path: str) -> bool:
    """Whether the file exists; False without a path. What can't be looked at counts as there: then nothing is sent."""
    if not path:
        return False
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
