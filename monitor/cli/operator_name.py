"""Who gives an order at the command line."""

import getpass
import os
from collections.abc import Mapping


def operator_name(environ: Mapping[str, str]) -> str:
    """The login name of the person, also behind sudo; the user's number when it has no name."""
    behind = environ.get("SUDO_USER", "")
    if behind:
        return behind
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
