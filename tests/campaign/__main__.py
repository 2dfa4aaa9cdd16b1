"""The campaign: seed after seed, until all are judged. `python -m tests.campaign --seed N` replays one.

Every judged seed is a line in the file of results; what stands there is not played again, so a campaign that was ended
goes on where it stopped. The seeds that failed are printed, with how to replay each, and a campaign fails too in which
hardly anything was sent. Where the machine has other things to do, CAMPAIGN_PACE=0.3 in the environment lets runs take
three times as long.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.campaign.seed_player import Outcome, as_line, judged, play

RESULTS = Path(tempfile.gettempdir()) / "margin-monitor-campaign.jsonl"
TARGET_S = 10.0

SENDING_SHARE = 0.4
"""Least share of the seeds in which an order left: on a machine that is too busy none does, which proves nothing."""
MIN_JUDGED = 50
"""Fewer seeds than that have no share worth the name."""


def main() -> int:
    """0 when every seed ran clean and enough of them sent; how long they took is only told, since a busy machine is no
    fault."""
    arguments = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    arguments.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many (default %(default)s)")
    arguments.add_argument("--from", type=int, default=1, dest="first", metavar="SEED", help="the first of them")
    arguments.add_argument("--seed", type=int, metavar="SEED", help="this one alone; what it leaves behind is kept")
    arguments.add_argument("--jobs", type=int, default=1, metavar="N", help="so many side by side")
    arguments.add_argument("--minutes", type=float, metavar="M", help="begin no seed after that")
    arguments.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="default %(default)s")
    arguments.add_argument("--fresh", action="store_true", help="begin anew, whatever stands in the results")
    given = arguments.parse_args()
    if given.seed is not None:
        return _replay(given.seed)
    if given.fresh:
        given.results.unlink(missing_ok=True)
    wanted = range(given.first, given.first + given.seeds)
    _run([seed for seed in wanted if seed not in _known(given.results)], given.jobs, given.minutes, given.results)
    return _report(wanted, _known(given.results))


def _replay(seed: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix=f"campaign-{seed}-"))
    outcome = play(seed, folder)
    print(as_line(outcome))
    print("\n".join(map(str, outcome.violations)) or "clean")
    print(f"logs and database: {folder}")
    return 1 if outcome.violations else 0


def _run(seeds: list[int], jobs: int, minutes: float | None, results: Path) -> None:
    deadline = None if minutes is None else time.monotonic() + minutes * 60
    left = iter(seeds)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool, results.open("a") as file:
        running: set[Future[Outcome]] = {pool.submit(judged, seed) for _, seed in zip(range(jobs), left, strict=False)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                file.write(as_line(outcome) + "\n")
                file.flush()
                if outcome.violations:
                    print(f"seed {outcome.seed} FAILED: {'; '.join(map(str, outcome.violations))}", flush=True)
                following = next(left, None) if deadline is None or time.monotonic() < deadline else None
                if following is not None:
                    running.add(pool.submit(judged, following))


def _known(results: Path) -> dict[int, dict[str, Any]]:
    if not results.exists():
        return {}
    rows = (json.loads(line) for line in results.read_text().splitlines())
    return {row["seed"]: row for row in rows}


def _report(wanted: Iterable[int], known: dict[int, dict[str, Any]]) -> int:
    rows = [known[seed] for seed in wanted if seed in known]
    failed = [row for row in rows if row["violations"]]
    if not rows:
        print("no seed was played")
        return 1
    median = statistics.median(row["seconds"] for row in rows)
    sums = {key: sum(row.get(key, 0) for row in rows) for key in ("kills", "sent", "executed", "critical", "pauses")}
    took = f"median {median:.1f} s a seed, at most {TARGET_S:g} wanted"
    print(f"{len(rows)} seeds, {len(rows) - len(failed)} clean, {took}; {sums}")
    sending = sum(row.get("sent", 0) > 0 for row in rows)
    is_idle = len(rows) >= MIN_JUDGED and sending < SENDING_SHARE * len(rows)
    if is_idle:
        print(f"only {sending} of them sent anything: play them again on a quieter machine, or with CAMPAIGN_PACE=0.5")
    for row in failed:
        print(f"  python -m tests.campaign --seed {row['seed']}   # {'; '.join(row['violations'])[:160]}")
    return 1 if failed or is_idle else 0


if __name__ == "__main__":
    sys.exit(main())
