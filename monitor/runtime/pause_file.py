"""The file whose existence pauses all actions."""

import os


def exists(path: str) -> bool:
    """Return whether the file exists; False without a path.

    A file that can't be checked counts as existing: then nothing is sent.
    """
    if not path:
        return False
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
