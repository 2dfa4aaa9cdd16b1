"""Odds measured in a child process, so that neither the memory nor the time of the caller pays for them."""

import asyncio
import os
import sys

from monitor.core.model.odds import OddsAnswer
from monitor.errors import OddsFailed
from monitor.odds.request import OddsRequest, decode_answers, encode_request

DEADLINE_S = 30.0
"""Machine seconds after which the child is killed; it usually takes half of one."""

_KEPT_VARIABLES = ("PATH", "HOME", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
"""Variables that Python needs to find its modules. All others may be secrets, which the child does not need."""


async def measure_in_child(
    request: OddsRequest, *, deadline_s: float = DEADLINE_S
) -> tuple[tuple[OddsAnswer, ...], ...]:
    """Return the answers to each question of the request, one for each window.

    Raises OddsFailed, with the cause, when the child fails, is killed, or exceeds the deadline.
    """
    written = encode_request(request)
    try:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "monitor.odds.odds_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
        )
    except OSError as error:
        raise OddsFailed(f"the process that measures odds could not be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(deadline_s):
            answer, said = await child.communicate(written)
    except TimeoutError:
        raise OddsFailed(f"the odds were not measured within {deadline_s:g} s") from None
    except RuntimeError as error:
        # uvloop raises it when the child, which has ended, closed its input before the first byte was written.
        ended = "it closed its input" if child.returncode is None else f"exit code {child.returncode}"
        raise OddsFailed(f"the process that measures odds did not take the request: {ended}") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    code = child.returncode or 0
    if code < 0:
        raise OddsFailed(f"the process that measures odds was killed by signal {-code}")
    if code:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise OddsFailed(f"the process that measures odds failed: {last or f'exit code {code}'}")
    try:
        return decode_answers(answer)
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise OddsFailed("the process that measures odds gave an unreadable answer") from error
