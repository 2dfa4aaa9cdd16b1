"""`demo`: a simulated crash twice side by side, with and without help, each in a process of its own.

With `--serve` each has its page, and they stay open until Ctrl-C.
"""

import argparse
import asyncio
import contextlib
import json
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, cast

from monitor.cli.output import print_json, print_line, print_note
from monitor.cli.parser import add_json
from monitor.demo.chart import make_chart
from monitor.demo.run_result import find_failures
from monitor.demo.screen import DemoFrame, DemoScreen, parse_run
from monitor.errors import ExitCode, MonitorError, UsageError
from monitor.sandbox.scenario.builtin import SCENARIOS
from monitor.view.charts.chart_spec import draw_chart
from monitor.view.documents.types.demo import DemoDocument, DemoRunDocument, DemoRunResult
from monitor.view.formatting import format_level
from monitor.view.terminal.table import Tone

DEFAULT_SCENARIO = "crash-2025-10-10"
DEMO_SPEED = 108.0
"""72 minutes in 40 seconds."""

ATTEMPTS = 3
"""How often the demo is played, each time at half the speed, until it goes as planned.

The exchange does not wait: on a machine that is busy or slow, minutes of it pass before a repayment is sent.
"""

DEMO_RUNS = ("unguarded", "guarded")
RUN_TIMEOUT_S = 85

SERVED_SPEED = 36.0
"""With the page: 72 minutes in two minutes, so that there is time to look."""

Report = Callable[[DemoDocument, Sequence[str]], None]
"""Takes the document of the demo, and what did not go as planned."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scenario", default=DEFAULT_SCENARIO, metavar="NAME", help="the scenario to play (default %(default)s)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for databases, logs and the chart (default: a new temporary one)",
    )
    parser.add_argument(
        "--serve",
        action="store_true",
        help="keep the page of each run open, slower, until Ctrl-C; prints the addresses",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit 0 when the demo went as planned: liquidated unguarded, saved when guarded, and notified in time."""
    if args.scenario not in SCENARIOS:
        raise UsageError(f'no scenario is called "{args.scenario}"', mend=f"there is: {', '.join(SCENARIOS)}")
    folder = _folder(args.output)
    outcome: list[ExitCode] = []

    def report(document: DemoDocument, wrong: Sequence[str]) -> None:
        outcome.append(ExitCode.DONE if document["ok"] else ExitCode.NO)
        if args.json:
            print_json(document)
        else:
            _print_result(document, wrong)

    play = _play_with_pages if args.serve else _play_until_planned
    try:
        asyncio.run(_until_terminated(play(args.scenario, folder, report)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        if not outcome:
            raise KeyboardInterrupt from None
    return outcome[0]


async def _until_terminated(playing: Coroutine[Any, Any, None]) -> None:
    """End on SIGTERM as on Ctrl-C: the processes of the runs before this one."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await playing


async def _play_until_planned(scenario: str, folder: Path, report: Report) -> None:
    """Play both runs, slower where the machine needs it, and report the document of the demo."""
    for attempt in range(ATTEMPTS):
        is_last = attempt == ATTEMPTS - 1
        try:
            async with contextlib.AsyncExitStack() as stack:
                results, _ = await _play_both(stack, scenario, folder, DEMO_SPEED / 2**attempt)
                document, wrong = await _document(scenario, folder, results)
        except TimeoutError:
            if is_last:
                raise
        else:
            if is_last or not wrong:
                report(document, wrong)
                return
        print_note("this machine was too slow or too busy for the story: played again at half the speed")
        for name in DEMO_RUNS:
            shutil.rmtree(folder / name)


async def _play_with_pages(scenario: str, folder: Path, report: Report) -> None:
    """Play both runs with their pages, report the document of the demo, and go on until cancelled."""
    async with contextlib.AsyncExitStack() as stack:
        results, children = await _play_both(stack, scenario, folder, SERVED_SPEED, secrets.token_urlsafe(12))
        report(*await _document(scenario, folder, results))
        print_note("the pages stay open until Ctrl-C")
        await asyncio.gather(*(child.wait() for child in children))


async def _play_both(
    stack: contextlib.AsyncExitStack, scenario: str, folder: Path, speed: float, token: str = ""
) -> tuple[Sequence[DemoRunResult], Sequence["_Child"]]:
    """Play both runs side by side; their processes end with the stack. With a `token` their pages are served."""
    frames: dict[str, dict[str, Any]] = {}
    seconds = (SCENARIOS[scenario]().duration_s or 0) / speed
    children = [_Child(name, scenario, folder, speed, token) for name in DEMO_RUNS]
    with DemoScreen(sys.stderr, live=sys.stderr.isatty()) as screen:

        def framed(name: str, frame: dict[str, Any]) -> None:
            frames[name] = frame
            progress = min(float(frames.get(run, {}).get("progress", 0)) for run in DEMO_RUNS)
            runs = tuple(parse_run(run, frames.get(run, {})) for run in DEMO_RUNS)
            screen.show(DemoFrame(scenario, runs, progress, seconds * (1 - progress)))

        def paged(name: str, address: str) -> None:
            screen.write(f"the page of the {name} run: {address}  (to act, log in with {token})")

        async with asyncio.timeout(RUN_TIMEOUT_S * DEMO_SPEED / speed):
            for child in children:
                await stack.enter_async_context(child)
            results = await asyncio.gather(*(child.read_result(framed, paged) for child in children))
    return results, children


async def _document(
    scenario: str, folder: Path, results: Sequence[DemoRunResult]
) -> tuple[DemoDocument, Sequence[str]]:
    """The document of the demo, and what did not go as planned."""
    picture = folder / "demo.png"
    await draw_chart(make_chart(scenario, results), picture)
    wrong = find_failures(results) if scenario == DEFAULT_SCENARIO else []
    document: DemoDocument = {
        "scenario": scenario,
        "ok": not wrong,
        "runs": [_run_document(result) for result in results],
        "timeline": sorted((moment for result in results for moment in result["timeline"]), key=lambda m: m["at"]),
        "picture": str(picture),
    }
    return document, wrong


def _run_document(result: DemoRunResult) -> DemoRunDocument:
    """The run without its chart's part."""
    return {
        "name": result["name"],
        "liquidated_at": result["liquidated_at"],
        "lowest_level": result["lowest_level"],
        "lowest_at": result["lowest_at"],
        "alerts": result["alerts"],
        "actions": result["actions"],
        "moved": result["moved"],
    }


class _Child:
    """The process of one run; it ends with the context."""

    def __init__(self, name: str, scenario: str, folder: Path, speed: float, token: str) -> None:
        """With a `token` its page is served."""
        self._name = name
        self._scenario = scenario
        self._folder = folder / name
        self._speed = speed
        self._token = token
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._folder.mkdir()
        words = ["--name", self._name, "--scenario", self._scenario, "--folder", str(self._folder)]
        words += ["--speed", str(self._speed)]
        words += ["--guarded"] if self._name == "guarded" else []
        with (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "monitor.demo.run", *words, *(["--serve"] if self._token else [])),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=2**26,
                # Ctrl-C is for this process; it ends the other.
                start_new_session=bool(self._token),
            )
        assert self._process.stdin is not None
        if self._token:
            self._process.stdin.write(f"{self._token}\n".encode())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def read_result(
        self, on_frame: Callable[[str, dict[str, Any]], None], on_page: Callable[[str, str], None]
    ) -> DemoRunResult:
        """Return the result of the run. Raises MonitorError when the process ends without one."""
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            if "frame" in said:
                on_frame(self._name, said["frame"])
            elif "page" in said:
                on_page(self._name, said["page"])
            else:
                if not self._token:
                    await self._process.wait()
                return cast("DemoRunResult", said["result"])
        raise MonitorError(
            f"the {self._name} run ended before its story did", where="demo", mend=f"see {self._folder / 'log'}"
        )

    async def wait(self) -> None:
        """Wait until the process has ended."""
        assert self._process is not None
        await self._process.wait()


def _folder(output: Path | None) -> Path:
    if output is None:
        return Path(tempfile.mkdtemp(prefix="margin-monitor-demo-"))
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name in DEMO_RUNS:
            if (output / name).exists():
                shutil.rmtree(output / name) if (output / name / "log").exists() else _refuse_folder(output / name)
    except OSError as error:
        raise UsageError(
            f"can't write to {output} ({error.strerror})", where="--output", mend="name another folder"
        ) from error
    return output.absolute()


def _refuse_folder(path: Path) -> None:
    raise UsageError(f"{path} is there already and is no earlier demo", where="--output", mend="name another folder")


def _print_result(document: Mapping[str, Any], wrong: Sequence[str]) -> None:
    print_line("What happened, by the exchange's clock (UTC):", "strong")
    for moment in document["timeline"]:
        if moment["kind"] in ("told", "action", "liquidation"):
            styles: Mapping[str, Tone] = {"liquidation": "bad", "action": "good"}
            line = f"  {moment['at'][11:19]}  {moment['run']:9}  {moment['text']}"
            print_line(line, styles.get(moment["kind"], ""))
    print_line()
    for result in document["runs"]:
        print_line(f"{result['name']}: {_summary_text(result)}", "strong")
    print_line(f"picture: {document['picture']}")
    for line in wrong:
        print_line(f"The story did not come true: {line}", "bad")


def _summary_text(result: Mapping[str, Any]) -> str:
    low = f"lowest level {format_level(Decimal(result['lowest_level']))} at {result['lowest_at'][11:16]}"
    moved = ", ".join(
        f"{words} {Decimal(amount):,.2f} {asset}"
        for kind, words in (("repaid", "repaid"), ("transferred_in", "brought in"))
        for asset, amount in result["moved"][kind].items()
    )
    if result["liquidated_at"] is None:
        return f"survived, {low}; {moved or 'nothing was done'}"
    warned = [a for a in result["alerts"] if a["scope"] == "cross" and a["minutes_before_liquidation"] is not None]
    first = max(warned, key=lambda a: Decimal(a["minutes_before_liquidation"]), default=None)
    lead = (
        f"first warned {first['minutes_before_liquidation']} minutes before ({first['rule']})"
        if first
        else "never warned"
    )
    return f"liquidated at {result['liquidated_at'][11:19]}, {lead}; {low}"
