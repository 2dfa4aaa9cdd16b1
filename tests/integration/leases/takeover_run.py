"""Seeded takeovers: two daemons share one PostgreSQL database, the one that holds it is struck, and both are judged.

`python -m tests.integration.leases.takeover_run FILE --seeds 1-100` plays the seeds that FILE lacks, one after another,
and appends a line of JSON for each; ended at any moment, it goes on where it stopped. The exit code is 1 if a seed in
FILE has a problem. With `--lease account` the daemons share the accounts of the database, of which there is one.

Each daemon has a key of its own to the same account, so that the exchange knows who sent what. Judged is: nobody sends
without a claim of its own epoch; once the successor may send, the one before sends nothing more; every order was
proven; every critical message was sent.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import psycopg

from monitor.core.model.order import MAX_LEASE_PROOF_AGE
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario, hmac_key
from monitor.sandbox.server import Sandbox
from tests.support.daemon import DaemonProcess, daemon_process, eventually, starting_now, write_config
from tests.support.faulty_proxy import proxy_to
from tests.support.postgres import PostgresServer, own_server
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

Lease = Literal["database", "account"]
Strike = Literal["killed", "stopped", "session ended", "line cut", "asked to end"]

STRIKES: tuple[Strike, ...] = (
    *("killed",) * 4,
    *("session ended",) * 4,
    *("asked to end",) * 2,
    "stopped",
    "line cut",
)
"""The last two take a minute each: for so long a holder of a whole database may be only slow."""

SHARE_STRIKES: tuple[Strike, ...] = ("killed", "stopped", "session ended", "line cut", "asked to end")
WATCHED = {"database": "", "account": "main"}
"""The lease that is struck."""

STANDS_BY = {"database": "lease.waiting", "account": "share.changed accounts=0"}
"""What the second daemon says once the first one holds all."""

ACTIONS = """
[[rules]]
name = "near-call"
scope = "cross"
when = "margin_level < (initial_level + margin_call_level) / 2"
clear = "margin_level > initial_level"
severity = "critical"
actions = ["top-up"]

[[actions]]
name = "top-up"
kind = "transfer_in"
mode = "live"
asset = "USDT"
source = ["spot"]
target = "margin_level >= initial_level * 1.02"
max_amount = "100"
max_per_day = "300"
cooldown = "5s"
"""
KEYS = (hmac_key("main"), hmac_key("main second"))
MONEY_PATHS = ("/sapi/v1/margin/borrow-repay", "/sapi/v1/asset/transfer")
HANDOVER_MS = 2 * MAX_LEASE_PROOF_AGE.total_seconds() * 1000
CLOCKS_MS = 250
"""How far the sandbox's time and the server's may be apart, with the time that a request takes."""

LOOK_S = 0.05
UNSETTLED = "SELECT count(*) FROM intents WHERE state IN ('PLANNED', 'SUBMITTING', 'ACKNOWLEDGED', 'UNCERTAIN')"
UNSENT = (
    "SELECT count(*) FROM deliveries AS one WHERE severity = 'critical' AND state <> 'sent' AND NOT "
    "(state = 'expired' AND EXISTS (SELECT 1 FROM deliveries AS other WHERE other.alert = one.alert AND "
    "other.channel = one.channel AND other.state = 'sent'))"
)
"""Counts critical messages that nobody got. One that holds nothing new is closed unsent, where another was sent."""

HOLDER_SESSION = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = (SELECT holder FROM leases WHERE account = %s)"
)
RENEWAL = "SELECT epoch, holder, renewed_at FROM leases WHERE account = %s"
CLAIMS = "SELECT epoch, count(*) FROM intent_transitions WHERE to_state = 'SUBMITTING' GROUP BY epoch"


@dataclass(frozen=True, slots=True)
class TakeoverPlan:
    """What happens to the holder, and how many seconds before or after the prices fall."""

    seed: int
    strike: Strike
    strikes_after_s: float
    stopped_s: float
    lease: Lease = "database"


def plan_of(seed: int, lease: Lease = "database") -> TakeoverPlan:
    draw = random.Random(seed)
    strikes = STRIKES if lease == "database" else SHARE_STRIKES
    return TakeoverPlan(seed, draw.choice(strikes), draw.uniform(-1.0, 5.0), draw.uniform(0.0, 8.0), lease)


@dataclass(slots=True)
class Term:
    """One epoch as the database shows it: whose, first and last seen, its last renewal, in milliseconds."""

    process: int
    seen_ms: float
    renewed_ms: float


@dataclass(slots=True)
class LeaseWatch:
    """The epochs of the lease, looked at all the time."""

    server: PostgresServer
    database: str
    box: Sandbox
    account: str
    terms: dict[int, Term] = field(default_factory=dict)

    async def run(self) -> None:
        while True:
            with suppress(psycopg.Error):
                await asyncio.to_thread(self._look)
            await asyncio.sleep(LOOK_S)

    def _look(self) -> None:
        with self.server.connect(self.database) as connection:
            for _ in range(20):
                row = connection.execute(RENEWAL, [self.account]).fetchone()
                if row is not None:
                    self._note(*row)
                time.sleep(LOOK_S)

    def _note(self, epoch: int, holder: str | None, renewed_ms: int) -> None:
        known = self.terms.get(epoch)
        if known is not None:
            known.renewed_ms = max(known.renewed_ms, renewed_ms)
        elif holder is not None:
            process = int(holder.split(".")[1])
            self.terms[epoch] = Term(process, self.box.timeline.now_ms(), renewed_ms)


async def play(seed: int, server: PostgresServer, folder: Path, lease: Lease) -> dict[str, Any]:
    """Play one seed; return its line."""
    plan, began = plan_of(seed, lease), time.monotonic()
    database = f"takeover_{seed}"
    server.create_database(database)
    try:
        found = await _play(plan, server, database, folder)
    except (AssertionError, TimeoutError) as error:
        found = {"problems": [f"it did not get on: {str(error)[-2000:]}"]}
    finally:
        server.drop_database(database)
    return {"seed": seed, "strike": plan.strike, "took_s": round(time.monotonic() - began, 1), **found}


async def _play(plan: TakeoverPlan, server: PostgresServer, database: str, folder: Path) -> dict[str, Any]:
    async with AsyncExitStack() as opened:
        line = opened.enter_context(proxy_to(server.socket))
        phone = opened.enter_context(http_sink())
        around = await opened.enter_async_context(sandbox(starting_now(_two_keys())))
        box = around.sandbox
        configs = [folder / f"{plan.seed}-{name}" for name in ("first", "second")]
        through = f"postgresql+psycopg://tester@127.0.0.1:{line.port}/{database}"
        urls = (through, server.url(database))
        processes: list[DaemonProcess] = []
        waits = STANDS_BY[plan.lease]
        watch = LeaseWatch(server, database, box, WATCHED[plan.lease])
        looking = asyncio.create_task(watch.run())
        opened.callback(looking.cancel)
        for config, url, key in zip(configs, urls, KEYS, strict=True):
            path = write_config(config, around.ready, url=url, channels={"phone": phone.url}, more=ACTIONS)
            text = path.read_text().replace(KEYS[0].api_key, key.api_key).replace(KEYS[0].api_secret, key.api_secret)
            path.write_text(text.replace("[storage]\n", f'[storage]\nlease = "{plan.lease}"\n'))
            child = await opened.enter_async_context(daemon_process(path, environ={"STATE_DIRECTORY": str(config)}))
            processes.append(child)
            await child.wait_for_line("stream=market connected=True" if len(processes) == 1 else waits, 60)
        first, second = processes
        await first.wait_for_line("store.taken_up", 60)
        await asyncio.sleep(3)
        if plan.strikes_after_s >= 0:
            box.user_actions.set_price("BTCUSDT", Decimal(41_000))
        await asyncio.sleep(max(0.0, plan.strikes_after_s))
        struck_ms = box.timeline.now_ms()
        await _strike(plan, first, server, database, line)
        await asyncio.sleep(max(0.0, -plan.strikes_after_s))
        box.user_actions.set_price("BTCUSDT", Decimal(41_000))

        async def is_taken() -> bool:
            return len(watch.terms) > 1

        await eventually(is_taken, 60, story=lambda: second.text[-1500:])
        taken_s = (watch.terms[max(watch.terms)].seen_ms - struck_ms) / 1000
        if plan.strike == "stopped":
            await asyncio.sleep(plan.stopped_s)
            first.send(signal.SIGCONT)

        async def is_settled() -> bool:
            return await asyncio.to_thread(_is_settled, server, database, phone)

        await eventually(is_settled, 60, story=lambda: _story(server, database, processes))
        await asyncio.sleep(2)
        for child in processes:
            with suppress(ProcessLookupError):
                child.send(signal.SIGKILL)
        looking.cancel()
        with server.connect(database) as connection:
            claims = dict(connection.execute(CLAIMS).fetchall())
        sent = [
            (request.at, KEYS.index(key))
            for request in box.requests
            for key in KEYS
            if request.method == "POST" and request.path in MONEY_PATHS and request.api_key == key.api_key
        ]
        pids = [child.process.pid for child in processes]
        return {
            "problems": judge(watch.terms, claims, sent, pids),
            "orders": len(sent),
            "epochs": len(watch.terms),
            "taken_in_s": round(taken_s, 1),
            "messages": len(phone.received),
        }


def judge(
    terms: Mapping[int, Term], claims: Mapping[int | None, int], sent: Sequence[tuple[float, int]], pids: Sequence[int]
) -> list[str]:
    """Return what a daemon did that it must not.

    `claims`: how many orders were claimed under each epoch; `sent`: when each order arrived at the exchange, and of
    which daemon; `pids`: the daemons' processes.
    """
    problems = [f"claims under the epoch {epoch}, which nobody had" for epoch in claims if epoch not in terms]
    holders = {epoch: term.process for epoch, term in terms.items()}
    for number, pid in enumerate(pids):
        own = sum(count for epoch, count in claims.items() if epoch is not None and holders.get(epoch) == pid)
        orders = sum(1 for _, sender in sent if sender == number)
        if orders > own:
            problems.append(f"daemon {number} sent {orders} orders on {own} claims")
    for before, after in zip(sorted(terms), sorted(terms)[1:], strict=False):
        earlier, later = terms[before], terms[after]
        if earlier.process == later.process or earlier.process not in pids or later.process not in pids:
            continue
        loser, winner = pids.index(earlier.process), pids.index(later.process)
        until = next(
            (terms[e].seen_ms for e in sorted(terms) if e > after and terms[e].process == earlier.process), 1e18
        )
        late = [at for at, sender in sent if sender == loser and later.seen_ms < at < until]
        if any(at > earlier.renewed_ms + HANDOVER_MS + CLOCKS_MS for at in late):
            problems.append(f"daemon {loser} sent after its lease of the epoch {before} was over")
        first = min((at for at, sender in sent if sender == winner and at > later.seen_ms), default=1e18)
        if any(at > first for at in late):
            problems.append(f"daemon {loser} sent after its successor had begun to")
    return problems


async def _strike(plan: TakeoverPlan, first: DaemonProcess, server: PostgresServer, database: str, line: Any) -> None:
    match plan.strike:
        case "killed":
            first.send(signal.SIGKILL)
        case "asked to end":
            first.send(signal.SIGTERM)
        case "stopped":
            first.send(signal.SIGSTOP)
        case "session ended":
            with server.connect(database) as connection:
                for (pid,) in connection.execute(HOLDER_SESSION, [WATCHED[plan.lease]]).fetchall():
                    connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        case "line cut":
            line.swallows = True


def _two_keys() -> Scenario:
    scenario = calm_scenario()
    return replace(scenario, accounts=(replace(scenario.accounts[0], keys=KEYS),))


def _is_settled(server: PostgresServer, database: str, phone: HttpSink) -> bool:
    if not any(one.json().get("rule") == "near-call" for one in phone.received):
        return False
    with server.connect(database) as connection:
        return not any(connection.execute(query).fetchone()[0] for query in (UNSETTLED, UNSENT))  # type: ignore[index]


def _story(server: PostgresServer, database: str, processes: Sequence[DaemonProcess]) -> str:
    with server.connect(database) as connection:
        rows = connection.execute("SELECT id, state, evidence FROM intents").fetchall()
        waiting = connection.execute("SELECT id, alert, state, answer FROM deliveries WHERE state <> 'sent'").fetchall()
    return f"{rows} {waiting} {[child.text[-700:] for child in processes]}"


def known_lines(path: Path) -> dict[int, dict[str, Any]]:
    """The lines of the seeds that were played."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return {line["seed"]: line for line in lines}


async def run(path: Path, seeds: Sequence[int], lease: Lease) -> None:
    """Play the seeds that the file lacks."""
    with own_server() as server, tempfile.TemporaryDirectory(prefix="takeovers-") as folder:
        for seed in seeds:
            if seed not in known_lines(path):
                line = await play(seed, server, Path(folder), lease)
                with path.open("a") as out:
                    out.write(f"{json.dumps(line)}\n")
                print(json.dumps(line), flush=True)


def main() -> int:
    """Play seeds; 1 if one of the file has a problem."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.leases.takeover_run", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", default="1-100", metavar="A-B", help="default %(default)s")
    parser.add_argument("--lease", default="database", choices=["database", "account"], help="default %(default)s")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    asyncio.run(run(given.file, range(int(first), int(last or first) + 1), given.lease))
    bad = [line for line in known_lines(given.file).values() if line["problems"]]
    print(f"{len(known_lines(given.file))} takeovers, {len(bad)} with problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
