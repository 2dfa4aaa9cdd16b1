"""One demo run in its own process: sandbox and daemon; result as JSON lines on standard output.

Every line on stdout is one object: {"frame": …} while it runs, {"result": …} once at the end. With --serve the first
line on stdin is the token of the page, {"page": …} names its address, and it stays open until stdin ends.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from aiohttp import web

from monitor.app.daemon import build_daemon
from monitor.app.database import open_store
from monitor.clock import Clock, MachineClock, SystemClock
from monitor.config.loading import load_config
from monitor.core.metrics.cross import measure_cross
from monitor.core.model.account import LiquidationOrder
from monitor.core.model.alert import AlertState
from monitor.core.model.intent import IntentState
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.numbers.amounts import format_decimal
from monitor.core.numbers.durations import format_rfc3339
from monitor.core.state.account_state import AccountState
from monitor.demo.config import write_config
from monitor.demo.page import DemoPage, serve_page
from monitor.demo.run_result import ReceivedMessage, read_run_result
from monitor.runtime.daemon import Daemon
from monitor.runtime.event_loop import run_event_loop
from monitor.sandbox.scenario.scenario import Scenario
from monitor.sandbox.server import Sandbox
from monitor.sandbox.server_main import load_scenario
from monitor.view.documents.types.demo import DemoRunName, DemoRunResult

FRAME_INTERVAL_S = 0.2


@dataclass(slots=True)
class WebhookReceiver:
    """The channel's other end: a webhook receiver on loopback that keeps each message and its time."""

    clock: Clock | None = None
    received: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        assert self.clock is not None
        self.received.append((self.clock.now(), await request.json()))
        return web.Response(status=204)


async def play_scenario(
    name: DemoRunName,
    scenario: Scenario,
    folder: Path,
    speed: float,
    *,
    guarded: bool,
    show: Callable[[dict[str, Any]], None] = lambda _: None,
    inspect: Callable[[Sandbox], None] = lambda _: None,
    page: DemoPage | None = None,
    machine: MachineClock | None = None,
) -> DemoRunResult:
    """Play the scenario once and return the run's part of the demo document, with the series for its chart.

    `show` gets a frame now and then, `inspect` gets the sandbox at the end. With a `page` the daemon stays until that
    may close. `machine`: the clocks that drive exchange and daemon, by default those of this machine.
    """
    machine = machine if machine is not None else MachineClock()
    phone = WebhookReceiver()
    receiver, webhook = await _start_receiver(phone)
    sandbox = Sandbox(scenario, speed=speed, wall_s=machine.wall_s)
    ready = await sandbox.start()
    start = datetime.fromtimestamp(ready.timeline.start, UTC)
    clock = SystemClock(start, speed, anchor=ready.timeline.anchor, machine=machine)
    phone.clock = clock
    token = page.token if page is not None else ""
    config = load_config(write_config(folder, ready, webhook, guarded=guarded, page_token=token), os.environ)
    store = await asyncio.to_thread(open_store, config)
    try:
        daemon = build_daemon(config, store, clock)
        running = asyncio.create_task(daemon.run())
        end = start + timedelta(seconds=scenario.duration_s or 3600)

        async def read_result(seen: Sequence[LiquidationOrder]) -> DemoRunResult:
            heard = [ReceivedMessage(at, str(document.get("title", ""))) for at, document in phone.received]
            return await read_run_result(name, config.accounts[0].name, store, seen, heard)

        async with serve_page(page, config, store, clock, daemon):
            while clock.now() < end and not running.done():
                show(_frame(daemon, clock.now(), start, end, phone))
                await asyncio.sleep(FRAME_INTERVAL_S)
            seen = [order for state in daemon.account_states().values() for order in _liquidations(state)]
            if page is not None:
                await page.stay_open(await read_result(seen))
        daemon.stop()
        await running
        inspect(sandbox)
        return await read_result(seen)
    finally:
        await store.close()
        await sandbox.stop()
        await receiver.cleanup()


async def _start_receiver(receiver: WebhookReceiver) -> tuple[web.AppRunner, str]:
    application = web.Application()
    application.router.add_post("/", receiver.receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    return runner, f"http://127.0.0.1:{port}/"


def _frame(daemon: Daemon, now: datetime, start: datetime, end: datetime, receiver: WebhookReceiver) -> dict[str, Any]:
    state = next(iter(daemon.account_states().values()), None)
    frame: dict[str, Any] = {
        "at": format_rfc3339(now),
        "progress": (now - start) / (end - start),
        "told": len(receiver.received),
    }
    if state is None:
        return frame
    figures = measure_cross(state, daemon.settings(state.account), now)
    for metric in (
        "margin_level",
        "initial_level",
        "margin_call_level",
        "liquidation_level",
        "distance_to_liquidation",
    ):
        frame[metric] = _json_value(figures.display.get(metric, MissingValue.UNAVAILABLE))
    return frame | {
        "state": figures.state,
        "prices": {symbol: format_decimal(price.value) for symbol, price in sorted(state.prices.newest.items())},
        "firing": [
            a.key.rule for a in state.alerts.values() if a.state is AlertState.FIRING and a.key.scope == "cross"
        ],
        "intents": len([i for i in state.intents.values() if i.state is not IntentState.SIMULATED]),
        "liquidated": _is_liquidated(state),
    }


def _liquidations(state: AccountState) -> tuple[LiquidationOrder, ...]:
    return state.liquidations.orders if state.liquidations is not None else ()


def _is_liquidated(state: AccountState) -> bool:
    return any(not order.isolated for order in _liquidations(state))


def _json_value(value: MetricValue | None) -> str | None:
    return format_decimal(value) if isinstance(value, Decimal) and value.is_finite() else None


def _print_json_line(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _stay_open(result: DemoRunResult) -> None:
    """Report the result, and wait until the parent closes the pipe, or is gone."""
    _print_json_line({"result": result})
    await asyncio.to_thread(sys.stdin.read)


def main() -> int:
    """The child process of `margin-monitor demo`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", choices=get_args(DemoRunName), required=True)
    parser.add_argument("--scenario", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--speed", type=float, required=True)
    parser.add_argument("--guarded", action="store_true")
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    page = None
    if args.serve:
        token = sys.stdin.readline().strip()
        page = DemoPage(token, lambda address: _print_json_line({"page": address}), _stay_open)

    async def run() -> None:
        scenario = load_scenario(args.scenario, [])
        result = await play_scenario(
            args.name,
            scenario,
            args.folder,
            args.speed,
            guarded=args.guarded,
            show=lambda frame: _print_json_line({"frame": frame}),
            page=page,
        )
        if page is None:
            _print_json_line({"result": result})

    run_event_loop(run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
