"""The streams under every fault in turn, for days of exchange time: what was sent must be what was recorded.

`python -m tests.soak.streams [--hours H] [--minutes M] [--seed N]` plays 30 hours in ten minutes and prints a report.
"""

import argparse
import asyncio
import contextlib
import hashlib
import itertools
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from monitor.app.database import open_store
from monitor.clock import SystemClock
from monitor.config import policies
from monitor.config.loading import load_config
from monitor.core.model.stream_payloads import StreamName
from monitor.exchange.binance.api.response import ApiCredentials
from monitor.exchange.binance.binance_account import BaseUrls
from monitor.exchange.binance.factory import create_account
from monitor.exchange.binance.signing import HmacSigner
from monitor.exchange.binance.streams.stream_limits import StreamLimits
from monitor.exchange.binance.streams.websocket import WebSocketFactory
from monitor.runtime.account.poller import ReadIntervals
from monitor.runtime.account.supervisor import WatchedAccount
from monitor.runtime.daemon import Daemon
from monitor.sandbox.event_feed import SentEvent
from monitor.sandbox.faults import MALFORMED_FRAMES, Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiInterpretations, PairSpec, initial_balance
from monitor.sandbox.server import Sandbox, SandboxInfo
from tests.support.daemon import ENDS_WITHIN_S, write_config
from tests.support.sandbox import sandbox

PAIRS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
PLACES = ("cross", *PAIRS)
STREAMS: tuple[StreamName, ...] = ("account", "risk", "market")
Renewal = Literal["extends", "refused"]
TOKEN_PATH = "/sapi/v1/userListenToken"
SILENCE_S = 4.0
TOKEN_S = 600
GUARDS = StreamLimits(
    silence_s=SILENCE_S,
    price_silence_s=SILENCE_S,
    missing_event_s=SILENCE_S,
    overlap_s=3,
    # No connection lives for long between the faults: what falls due in a day falls due in minutes.
    lifetime_s=900,
    extend_every_s=300,
)
MENDED_WITHIN_S = 45.0
RECORDED_WITHIN_S = 60.0
SECOND_EVENT_EVERY_S = 0.15


@dataclass(slots=True)
class Report:
    """What came of it. `missing` were sent and not recorded, `doubled` recorded twice, `alien` never sent."""

    hours: float = 0.0
    strikes: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    swallowed: int = 0
    recorded: int = 0
    rejected: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    missing: list[SentEvent] = field(default_factory=list)
    doubled: int = 0
    alien: int = 0
    unmended: list[str] = field(default_factory=list)
    tokens: int = 0
    """How many listen tokens were asked for."""

    @property
    def tokens_an_hour(self) -> float:
        return self.tokens / self.hours if self.hours else 0.0

    @property
    def is_clean(self) -> bool:
        """Whether the record equals what was sent, and every fault was recovered from."""
        return not (self.missing or self.doubled or self.alien or self.unmended)

    def text(self) -> str:
        """The report for people."""
        kinds = Counter(event.kind for event in self.missing)
        return "\n".join(
            [
                f"{'OK' if self.is_clean else 'FAILED'}: {self.hours:.1f} hours of exchange time, "
                f"{sum(self.strikes.values())} faults of {len(self.strikes)} kinds",
                f"sent {self.sent}, of these swallowed or cut by faults {self.swallowed}; recorded {self.recorded}, "
                f"and {self.rejected} frames that could not be read",
                f"missing {len(self.missing)} {dict(kinds)}, doubled {self.doubled}, never sent {self.alien}",
                f"reconnects: {dict(self.lost)}; listen tokens: {self.tokens}, {self.tokens_an_hour:.2f} an hour",
                f"not mended in time: {self.unmended or 'none'}",
                f"faults: {dict(self.strikes)}",
                *(
                    f"missing: {event.stream} {event.symbol or 'cross'} {event.text[:120]}"
                    for event in self.missing[:5]
                ),
            ]
        )


def rotation() -> list[tuple[Fault, ...]]:
    """Every fault that streams can suffer, those that belong together at once."""

    def on(stream: str, *whats: str, **more: object) -> tuple[Fault, ...]:
        return tuple(Fault(what=what, stream=stream, **more) for what in whats)  # type: ignore[arg-type]  # by field

    found = [
        on(stream, what, count=6)
        for what in ("drop", "shutdown", "duplicate", "reorder", "forget")
        for stream in STREAMS
    ]
    found += [on(stream, "delay", seconds=0.4) for stream in STREAMS]
    found += [on(stream, "refuse", "drop", seconds=300) for stream in STREAMS]
    found += [on(stream, "half_open", seconds=DAY_S) for stream in STREAMS]
    found += [
        on("account", "mute", seconds=DAY_S),
        on("market", "mute", seconds=DAY_S),
        on("market", "silent"),
        on("risk", "mute", count=2),
    ]
    found += [on(stream, "malform", form=form, count=2) for form in MALFORMED_FRAMES for stream in ("account", "risk")]
    found += [
        on("account", "terminate"),
        on("account", "feign"),
        on("account", "expire"),
        on("risk", "expire"),
        on("account", "flood", count=300),
    ]
    found += [on("account", "spurn", "terminate", count=2)]
    return found


DAY_S = 24 * 3600.0


async def soak(
    folder: Path, *, hours: float, minutes: float, seed: int = 1, renewal: Renewal = "extends", calmly: bool = False
) -> Report:
    """Plays `hours` of exchange time in so many minutes of the machine.

    `renewal`: what a second token does on one connection. `calmly`: nothing goes wrong, and tokens and connections
    live as long as they do, so that it shows what a day of listening costs.
    """
    report = Report()
    chance = random.Random(seed)
    speed = hours * 60 / minutes
    pair = PairSpec(base=initial_balance("1"), quote=initial_balance("5000", borrowed="500"))
    scenario = replace(calm_scenario(), prices={**calm_scenario().prices, "SOLUSDT": Decimal(200)})
    scenario = replace(
        scenario, accounts=(replace(scenario.accounts[0], isolated=dict.fromkeys(PAIRS, pair)),), commission=Decimal(0)
    )
    # Both ways in which a renewal may answer.
    readings = ApiInterpretations(renewed_subscription_id="new" if seed % 2 else "same", token_renewal=renewal)
    scenario = replace(scenario, readings=readings)
    async with (
        sandbox(scenario, speed=speed, ping_every_s=1.0) as running,
        guarded_daemon(
            folder,
            running.ready,
            SystemClock(scenario.start, speed, anchor=running.ready.timeline.anchor, machine=running.machine),
            guards=StreamLimits() if calmly else GUARDS,
        ) as daemon,
    ):
        box = running.sandbox
        server: Any = box._stream_server
        if not calmly:
            server.tokens.max_validity_ms = TOKEN_S * 1000
        await _wait_until_recovered(box, daemon)
        life = asyncio.create_task(_account_activity(box, chance))
        try:
            ends_at = time.monotonic() + minutes * 60
            for faults in itertools.cycle(chance.sample(rotation(), len(rotation()))):
                if time.monotonic() >= ends_at:
                    break
                if calmly:
                    await asyncio.sleep(0.2)
                    continue
                await _apply_faults(box, daemon, faults, report)
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
        box.clear_faults()
        await _wait_until_recovered(box, daemon)
        for place in PLACES:
            # What a fault kept back leaves with what follows.
            box.user_actions.deposit("main", "USDT", Decimal(1), place)
        box.user_actions.borrow("main", "USDT", Decimal(1))
        await _recorded(folder, box)
        report.hours = (box.timeline.now_ms() / 1000 - scenario.start.timestamp()) / 3600
        report.lost = Counter(
            {name: state.reconnects for name, state in daemon.account_states()["main"].streams.items()}
        )
        report.tokens = sum(request.path == TOKEN_PATH for request in box.requests)
        compare(folder, box.sent_events, report)
    return report


async def _apply_faults(box: Sandbox, daemon: Daemon, faults: tuple[Fault, ...], report: Report) -> None:
    name = f"{faults[0].stream} {'+'.join(fault.what for fault in faults)}"
    name += f" {faults[0].form}" if faults[0].what == "malform" else ""
    report.strikes[name] += 1
    hit = {connection.number for connection in box.connections if connection.stream == faults[0].stream}
    for fault in faults:
        box.add_fault(fault)
    if faults[0].what in ("half_open", "mute", "delay", "silent"):
        # These end with the connection, or by themselves after a while.
        is_noticed = faults[0].what != "delay" and (faults[0].stream, faults[0].what) != ("risk", "mute")
        within_s = MENDED_WITHIN_S if is_noticed else 1.5
        gone = await _until(lambda: not hit & {connection.number for connection in box.connections}, within_s)
        if is_noticed and not gone:
            report.unmended.append(f"{name} was not noticed")
        box.clear_faults()
    await asyncio.sleep(0.5)
    if not await _wait_until_recovered(box, daemon):
        report.unmended.append(name)


async def _account_activity(box: Sandbox, chance: random.Random) -> None:
    """Things happen to the account all the time."""
    while True:
        await asyncio.sleep(chance.expovariate(1 / SECOND_EVENT_EVERY_S))
        place = chance.choice(PLACES)
        if chance.random() < 0.7:
            box.user_actions.deposit("main", "USDT", Decimal(chance.randint(1, 900)) / 100, place)
        else:
            box.user_actions.borrow("main", "USDT", Decimal(1), None if place == "cross" else place)
            box.user_actions.repay("main", "USDT", Decimal(1), None if place == "cross" else place)


async def _wait_until_recovered(box: Sandbox, daemon: Daemon) -> bool:
    """Whether in time every stream stands again with all that it should carry, at both ends."""

    def stands() -> bool:
        state = daemon.account_states().get("main")
        if state is None or len(state.streams) < len(STREAMS):
            return False
        return (
            all(stream.connected for stream in state.streams.values())
            and set(state.streams["account"].subscriptions) == set(PLACES)
            and all(
                any(connection.stream == name and not connection.silent for connection in box.connections)
                for name in STREAMS
            )
            and set(PLACES) <= {place for connection in box.connections for place in _places(connection)}
        )

    return await _until(stands, MENDED_WITHIN_S)


def _places(connection: object) -> set[str]:
    return {one.symbol or "cross" for one in getattr(connection, "subscriptions", {}).values()}


async def _recorded(folder: Path, box: Sandbox) -> None:
    wanted = {key_of(event) for event in box.sent_events if not event.swallowed}
    await _until(lambda: wanted <= {key for key, _ in _rows(folder)}, RECORDED_WITHIN_S)


def compare(folder: Path, sent: list[SentEvent], report: Report) -> None:
    """Puts into the report how the record in `folder` differs from what was sent and no fault took."""
    rows = _rows(folder)
    keys = [key for key, kind in rows if kind != "rejected"]
    delivered = {key_of(event): event for event in sent if not event.swallowed}
    report.sent, report.swallowed = len(sent), sum(event.swallowed for event in sent)
    report.recorded, report.rejected = len(keys), len(rows) - len(keys)
    report.missing = [event for key, event in delivered.items() if key not in set(keys)]
    report.doubled = len(keys) - len(set(keys))
    report.alien = len(set(keys) - {key_of(event) for event in sent})


def _rows(folder: Path) -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(f"file:{folder}/monitor.db?mode=ro", uri=True)) as database:
        return database.execute("SELECT key, type FROM events WHERE stream <> 'market'").fetchall()


def key_of(event: SentEvent) -> str:
    """The key as it is defined: account, scope and the canonical event, hashed."""
    canonical = json.dumps(json.loads(event.text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"main\n{event.symbol or 'cross'}\n{canonical}".encode()).hexdigest()


async def _until(holds: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


@contextlib.asynccontextmanager
async def guarded_daemon(
    folder: Path, ready: SandboxInfo, clock: SystemClock, polled_every: str = "5m", guards: StreamLimits = GUARDS
) -> AsyncIterator[Daemon]:
    """The daemon as the composition root builds it, but sooner tired of a silent connection."""
    schedule = {"cross": polled_every, "isolated": polled_every, "stale_after": "1d"}
    config = load_config(write_config(folder, ready, schedule=schedule), {})
    key = ready.accounts[0]
    open_exchange = partial(
        create_account,
        name="main",
        base_urls=BaseUrls(ready.rest_url, ready.ws_api_url, ready.market_stream_url, ready.risk_stream_url),
        credentials=ApiCredentials(key["api_key"], HmacSigner(key["api_secret"])),
        clock=clock,
        timeout_s=5.0,
        websockets=WebSocketFactory(limits=guards),
    )
    store = await asyncio.to_thread(open_store, config)
    try:
        accounts = {"main": WatchedAccount(policies.build_policy(config, "main"), ReadIntervals(), open_exchange)}
        daemon = Daemon(accounts, (), store, clock, "soak")
        task = asyncio.create_task(daemon.run())
        try:
            yield daemon
            assert not task.done(), task.exception()
        finally:
            daemon.stop()
            await asyncio.wait_for(task, ENDS_WITHIN_S)
    finally:
        await store.close()


def main() -> int:
    """Plays it and says what came of it; 0 when the record is whole."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hours", type=float, default=30.5, help="of exchange time")
    arguments.add_argument("--minutes", type=float, default=10.0, help="of the machine")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--renewal", choices=get_args(Renewal), default="extends", help="what a second token does")
    arguments.add_argument("--calmly", action="store_true", help="without faults: what a day of listening costs")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        report = asyncio.run(soak(Path(folder), **vars(given)))
    print(report.text())
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
