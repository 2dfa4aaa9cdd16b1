"""The child process that answers one request: JSON on standard input and output.

Run as `python -P -m monitor.odds.odds_process`. It ends with its answer, and with it the memory that numpy takes.
"""

import os
import sys

NICENESS = 10
"""Priority below that of the daemon: the child takes the time that nobody else wants."""


def main() -> None:
    """Answer the request on standard input."""
    os.nice(NICENESS)
    # One thread: numpy's library would start one a core for arrays that one core multiplies in a moment.
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    from monitor.odds.calculation import measure_odds
    from monitor.odds.request import decode_request, encode_answers

    request = decode_request(sys.stdin.buffer.read())
    answers = (
        measure_odds(
            question,
            request.past,
            request.windows,
            request.targets,
            request.min_history,
            with_fan=request.with_fan,
        )
        for question in request.questions
    )
    sys.stdout.buffer.write(encode_answers(answers))


if __name__ == "__main__":
    main()
