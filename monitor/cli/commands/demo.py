"""`demo`: a simulated crash twice side by side, with and without help, each in a process of its own."""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from monitor.cli.output import print_json, print_line
from monitor.cli.parser import add_json
from monitor.demo.run_result import find_failures
from monitor.demo.screen import DemoFrame, DemoScreen, parse_run
from monitor.errors import ExitCode, MonitorError, UsageError
from monitor.sandbox.scenario.builtin import SCENARIOS
from monitor.view.charts.chart_spec import ChartLine, ChartSpec, Marker, ThresholdLine, ThresholdRole, draw_chart
from monitor.view.formatting import format_level
from monitor.view.terminal.table import Tone

DEFAULT_SCENARIO = "crash-2025-10-10"
DEMO_SPEED = 108.0
"""72 minutes in 40 seconds."""

DEMO_RUNS = ("unguarded", "guarded")
RUN_TIMEOUT_S = 85

_THRESHOLDS: tuple[tuple[str, ThresholdRole, str], ...] = (
    ("initial_level", "initial", "initial"),
    ("margin_call_level", "margin_call", "margin call"),
    ("liquidation_level", "liquidation", "liquidation"),
)


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
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit 0 when the demo went as planned: liquidated unguarded, saved when guarded, and notified in time."""
    if args.scenario not in SCENARIOS:
        raise UsageError(f'no scenario is called "{args.scenario}"', mend=f"there is: {', '.join(SCENARIOS)}")
    folder = _folder(args.output)
    document = asyncio.run(_play_both(args.scenario, folder))
    wrong = document.pop("wrong")
    if args.json:
        print_json(document)
    else:
        _print_result(document, wrong)
    return ExitCode.DONE if document["ok"] else ExitCode.NO


async def _play_both(scenario: str, folder: Path) -> dict[str, Any]:
    frames: dict[str, dict[str, Any]] = {}
    seconds = (SCENARIOS[scenario]().duration_s or 0) / DEMO_SPEED
    with DemoScreen(sys.stderr, live=sys.stderr.isatty()) as screen:

        def framed(name: str, frame: dict[str, Any]) -> None:
            frames[name] = frame
            progress = min(float(frames.get(run, {}).get("progress", 0)) for run in DEMO_RUNS)
            runs = tuple(parse_run(run, frames.get(run, {})) for run in DEMO_RUNS)
            screen.show(DemoFrame(scenario, runs, progress, seconds * (1 - progress)))

        async with asyncio.timeout(RUN_TIMEOUT_S):
            results = await asyncio.gather(*(_run_child(name, scenario, folder, framed) for name in DEMO_RUNS))
    picture = folder / "demo.png"
    await draw_chart(_chart(scenario, results), picture)
    wrong = find_failures(results) if scenario == DEFAULT_SCENARIO else []
    timeline = sorted((moment for result in results for moment in result.pop("timeline")), key=lambda m: m["at"])
    for result in results:
        for part in ("series", "bars", "told", "streamed"):
            result.pop(part)
    return {
        "scenario": scenario,
        "ok": not wrong,
        "runs": results,
        "timeline": timeline,
        "picture": str(picture),
        "wrong": wrong,
    }


async def _run_child(name: str, scenario: str, folder: Path, on_frame: Any) -> dict[str, Any]:
    own = folder / name
    own.mkdir()
    with (own / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "monitor.demo.run"),
            *("--name", name, "--scenario", scenario, "--folder", str(own), "--speed", str(DEMO_SPEED)),
            *(["--guarded"] if name == "guarded" else []),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            limit=2**26,
        )
        assert child.stdout is not None
        result: dict[str, Any] | None = None
        try:
            async for line in child.stdout:
                said: dict[str, Any] = json.loads(line)
                if "frame" in said:
                    on_frame(name, said["frame"])
                else:
                    result = said["result"]
            await child.wait()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
    if result is None:
        raise MonitorError(f"the {name} run ended before its story did", where="demo", mend=f"see {own / 'log'}")
    return result


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


def _chart(scenario: str, results: Sequence[Mapping[str, Any]]) -> ChartSpec:
    """Both levels with the account's thresholds, alerts and actions, and the prices below."""
    first = results[0]
    return ChartSpec(
        title=f"{scenario}: the same account with and without help",
        subtitle="margin level of cross; alerts and actions as they happened",
        lines=[ChartLine(run["name"], _parse_points(run["series"]["margin_level"])) for run in results],
        thresholds=[
            ThresholdLine(f"{words} {format_level(Decimal(first['bars'][bar]))}", Decimal(first["bars"][bar]), role)
            for bar, role, words in _THRESHOLDS
            if bar in first["bars"]
        ],
        markers=[mark for run in results for mark in _markers(run)],
        prices=[
            ChartLine(symbol, points)
            for symbol in ("BTCUSDT", "SOLUSDT")
            if (points := _parse_points(first["series"][symbol]))
        ],
    )


def _markers(run: Mapping[str, Any]) -> list[Marker]:
    """The first firing of each cross rule, the first sending of each action, and the liquidation."""
    marks: list[Marker] = []
    rungs = (
        {a["rule"]: a for a in reversed(run["alerts"]) if a["scope"] == "cross"} if run["name"] == "unguarded" else {}
    )
    for rule in ("below-initial", "near-call", "margin-call"):
        if rule in rungs:
            alert = rungs[rule]
            marks.append(Marker(_parse_time(alert["fired_at"]), "alert", rule, run["name"], alert["severity"]))
    for action in run["actions"]:
        if action["state"] == "CONFIRMED":
            verb = "repay" if action["kind"] == "repay" else "bring in"
            marks.append(
                Marker(
                    _parse_time(action["created_at"]), "action", f"{verb} {Decimal(action['amount']):,.0f}", run["name"]
                )
            )
    if run["liquidated_at"] is not None:
        marks.append(Marker(_parse_time(run["liquidated_at"]), "liquidation", "liquidated", run["name"]))
    return marks


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


def _parse_points(texts: Sequence[Sequence[str]]) -> list[tuple[datetime, Decimal | None]]:
    return [(_parse_time(at), Decimal(value)) for at, value in texts]


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
