"""The name of the person who gives a command."""

import getpass
import os
from collections.abc import Mapping


def operator_name(environ: Mapping[str, str]) -> str:
    """The login name of the person, also behind sudo; the user id when there is no name."""
    behind = environ.get("SUDO_USER", "")
    if behind:
        return behind
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
