"""Repeated output: in place on a terminal, one block after another elsewhere."""

import contextlib
import io
import os
import re
import shutil
import sys
import time
from collections.abc import Callable

TERMINAL_INTERVAL_S = 1.0
"""The daemon stores its live figures at most once a second."""
PIPE_INTERVAL_S = 10.0

_HOME, _CLEAR_ALL, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[2J", "\x1b[K", "\x1b[J"
_STYLING = re.compile(r"\x1b\[[0-9;]*m")


def watch(show: Callable[[], None], wait: Callable[[float], None] = time.sleep) -> None:
    """Call `show`, which prints, for ever; Ctrl-C ends it, and the last output stays on the screen."""
    in_place = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    is_first = True
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            frame = _CapturedFrame(is_terminal=in_place)
            with contextlib.redirect_stdout(frame):
                show()
            text = frame.getvalue()
            if in_place:
                size = shutil.get_terminal_size()
                text = (_CLEAR_ALL if is_first else "") + redraw_text(text, size.columns, size.lines)
            elif not is_first:
                text = f"\n{text}"
            sys.stdout.write(text)
            sys.stdout.flush()
            is_first = False
            wait(TERMINAL_INTERVAL_S if in_place else PIPE_INTERVAL_S)


def redraw_text(text: str, columns: int, lines: int) -> str:
    """The text that overwrites the previous output, cut to the lines of the terminal; never scrolls."""
    kept: list[str] = []
    left = max(lines - 1, 1)
    everything = text.splitlines()
    for number, line in enumerate(everything):
        height = max(1, -(-len(_STYLING.sub("", line)) // max(columns, 1)))
        is_last = number == len(everything) - 1
        if height > left or (height == left and not is_last):
            kept.append(f"… {len(everything) - number} more lines: make the terminal higher")
            break
        kept.append(line)
        left -= height
    return _HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in kept) + _CLEAR_BELOW


class _CapturedFrame(io.StringIO):
    """Collects what is printed, in the form for the terminal."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal
