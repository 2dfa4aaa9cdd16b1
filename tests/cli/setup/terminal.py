"""A pseudo-terminal on which a command asks questions, and a person who answers them."""

import os
import select
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.cli_process import open_terminal
from tests.support.forked_command import start_on_terminal

ANSWERS_WITHIN_S = 90.0
"""Time for a whole dialogue on a busy machine."""


@dataclass(frozen=True, slots=True)
class TerminalSession:
    """Everything that stood on the screen, and the exit code."""

    screen: str
    code: int

    @property
    def lines(self) -> list[str]:
        return [line.strip() for line in self.screen.splitlines()]


def answer_questions(
    home: Path,
    words: Sequence[str],
    answers: Sequence[tuple[str, str]],
    environ: Mapping[str, str] | None = None,
) -> TerminalSession:
    """Run a command on a terminal of its own; `answers` are fragments of the questions in order, and their answers.

    Skips the test where no terminal can be had. Raises AssertionError when a question does not come.
    """
    ours, theirs = open_terminal()
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    process = start_on_terminal(words, own | dict(environ or {}), folder=home, terminal=theirs)
    screen, since, left = "", 0, list(answers)
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other side has closed the terminal
                break
            if not part:
                break
            screen += part.decode()
            asked = screen[since:].rpartition("\n")[2]
            if left and asked.endswith(": ") and left[0][0] in asked:
                since = len(screen)
                os.write(ours, f"{left.pop(0)[1]}\n".encode())
        assert not left, f"not asked: {left[0][0]}\n{screen}"
        process.join(30)
        assert process.exitcode is not None, f"it does not end\n{screen}"
        return TerminalSession(screen, process.exitcode)
    finally:
        process.kill()
        process.join(30)
        os.close(ours)
