"""G12: CPU of one whole poll of a cross account with 400 assets: read, revaluation, rules, one durable row.

Against a typical script: python-binance, a Decimal of every field, one rule, one row through the ORM. A server in a
process of its own answers both; the two take turns in this process, whose CPU is counted, threads included.
"""

import asyncio
import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.account import BALANCES, policy, watched_state
from benchmarks.process import ROOT, configure
from benchmarks.report import Finding, Target, finding, main, ratios
from monitor.app.exchange import open_exchange
from monitor.clock import SystemClock
from monitor.config.loading import load_config
from monitor.core.engine.step import IdSource, step
from monitor.core.model.events import CrossRead
from monitor.core.model.journal import JournalEntry
from monitor.store.store import Store

ASSETS = 400


class _Base(DeclarativeBase):
    pass


class _Poll(_Base):
    __tablename__ = "polls"
    id: Mapped[int] = mapped_column(primary_key=True)
    level: Mapped[str]
    assets: Mapped[str]
    owed: Mapped[str]


def measure(quick: bool) -> list[Finding]:
    """Rounds of polls, ours and the script's in turns."""
    return asyncio.run(_measure(1, 20) if quick else _measure(5, 200))


async def _measure(rounds: int, polls: int) -> list[Finding]:
    ours: list[float] = []
    naive: list[float] = []
    async with _server() as url:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            for _ in range(rounds):
                ours.append(await _our_poll(Path(folder), url, polls))
                naive.append(await _naive_poll(Path(folder), url, polls))
    return [
        finding(Target("G12", 0.75, 0.35), "CPU of a whole poll, 400 assets, ÷ python-binance and ORM", "×",
                ratios(ours, naive)),
        finding(Target("G12"), "our CPU of a whole poll", "ms", ours),
    ]  # fmt: skip


async def _our_poll(folder: Path, url: str, polls: int) -> float:
    """Milliseconds of CPU of one poll by the daemon's own parts."""
    account = {"name": "main", "api_key": "k" * 64, "api_secret": "s" * 64}
    wire = url.replace("http", "ws")
    ready = {
        "accounts": [account], "rest_url": url, "ws_api_url": wire, "market_stream_url": wire, "risk_stream_url": wire,
    }  # fmt: skip
    config = load_config(configure(folder, ready), os.environ)
    exchange, store = open_exchange(config, "main", SystemClock()), Store.open(f"sqlite:///{folder}/ours.db")
    numbers = itertools.count(1)
    ids = IdSource(lambda: next(numbers), lambda: next(numbers))
    state, orders = watched_state(), policy()
    state = replace(state, alerts={})

    async def once() -> None:
        nonlocal state
        now = datetime.now(UTC)
        done = step(state, CrossRead(await exchange.read_cross()), orders, now, ids)
        state = done.state
        # A row in any case, also when there is nothing to record.
        await store.commit(
            done.entry if not done.entry.is_empty else JournalEntry("main", now, live=json.dumps(str(now)))
        )

    try:
        await exchange.sync_clock()
        return await _cost(once, polls)
    finally:
        await exchange.aclose()
        await store.close()


async def _naive_poll(folder: Path, url: str, polls: int) -> float:
    """Milliseconds of CPU of one poll by a script."""
    from binance import AsyncClient

    client = AsyncClient("k" * 64, "s" * 64)
    client.MARGIN_API_URL = f"{url}/sapi"
    engine = create_engine(f"sqlite:///{folder}/naive.db")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA journal_mode=WAL"))
    _Base.metadata.create_all(engine)

    async def once() -> None:
        told = await client.get_margin_account()
        rows = [
            {name: Decimal(row[name]) for name in ("free", "locked", "borrowed", "interest", "netAsset")}
            for row in told["userAssets"]
        ]
        held = sum((row["free"] + row["locked"] for row in rows), Decimal(0))
        owed = sum((row["borrowed"] + row["interest"] for row in rows), Decimal(0))
        if Decimal(told["marginLevel"]) < Decimal("1.01"):
            raise RuntimeError("not this account")
        with Session(engine) as session:
            session.add(_Poll(level=told["marginLevel"], assets=str(held), owed=str(owed)))
            session.commit()

    try:
        return await _cost(once, polls)
    finally:
        await client.close_connection()
        engine.dispose()


async def _cost(once: Any, polls: int) -> float:
    for _ in range(5):
        await once()
    began = time.process_time()
    for _ in range(polls):
        await once()
    return (time.process_time() - began) / polls * 1000


@contextlib.asynccontextmanager
async def _server() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.g12", "serve", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


def _account() -> bytes:
    names = [*BALANCES, *(f"Z{number:03}" for number in range(ASSETS - len(BALANCES)))]
    rows = []
    for name in names:
        row = BALANCES.get(name)
        free, owed, interest = (row.free, row.borrowed, row.interest) if row is not None else (Decimal(0),) * 3
        amounts = {
            "borrowed": owed,
            "free": free,
            "interest": interest,
            "locked": Decimal(0),
            "netAsset": free - owed - interest,
        }
        rows.append({"asset": name, **{key: f"{value:.8f}" for key, value in amounts.items()}})
    sums = {"totalAssetOfBtc": "4.20000000", "totalLiabilityOfBtc": "1.60000000", "totalNetAssetOfBtc": "2.60000000"}
    levels = {"marginLevel": "2.62500000", "collateralMarginLevel": "2.62500000"}
    flags = dict.fromkeys(("borrowEnabled", "tradeEnabled", "transferInEnabled", "transferOutEnabled", "created"), True)
    return json.dumps({**flags, **levels, **sums, "accountType": "MARGIN_1", "userAssets": rows}).encode()


class _Answers(asyncio.Protocol):
    body = _account()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        body = self.body
        if b"/time" in data.split(b"\r\n", 1)[0]:
            body = json.dumps({"serverTime": time.time_ns() // 1_000_000}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Answers, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    main(measure, __doc__ or "")
