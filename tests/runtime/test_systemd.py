"""The daemon and its service manager: a real socket, a real process, a real watchdog's view."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from monitor.app import daemon as daemon_module
from monitor.app.database import open_store
from monitor.clock import SystemClock
from monitor.config.loading import load_config
from monitor.errors import StoreError
from monitor.runtime.systemd import ServiceManager
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import sandbox


class Manager:
    """systemd's end of the notification socket: every word it was sent, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._words: list[str] = []

    @property
    def words(self) -> list[str]:
        with contextlib.suppress(BlockingIOError):
            while True:
                self._words += self._socket.recv(4096).decode().split("\n")
        return self._words

    def count(self, word: str) -> int:
        return self.words.count(word)

    async def until(self, word: str, times: int = 1, within_s: float = 20) -> None:
        async def holds() -> bool:
            return self.count(word) >= times

        await eventually(holds, within_s, story=lambda: " ".join(self.words))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    listening = Manager(tmp_path / "notify")
    yield listening
    listening.close()


@pytest.mark.slow
async def test_systemd_hears_of_every_turn_in_the_daemons_life(tmp_path: Path, manager: Manager) -> None:
    async with sandbox(starting_now()) as exchange:
        config = write_config(tmp_path, exchange.ready)
        async with daemon_process(config, environ={"NOTIFY_SOCKET": str(manager.path)}) as daemon:
            await manager.until("READY=1", within_s=30)
            assert manager.words[:2] == ["READY=1", "WATCHDOG=1"]
            await manager.until("WATCHDOG=1", times=4)
            daemon.send(signal.SIGHUP)
            await manager.until("RELOADING=1")
            await manager.until("READY=1", times=2)
            reloading = manager.words.index("RELOADING=1")
            assert manager.words[reloading + 1].startswith("MONOTONIC_USEC=")
            assert "STOPPING=1" not in manager.words
            assert await daemon.end() == 0
            assert manager.words[-1] == "STOPPING=1"


@pytest.mark.slow
async def test_a_reload_that_fails_is_over_too(tmp_path: Path, manager: Manager) -> None:
    async with sandbox(starting_now()) as exchange:
        config = write_config(tmp_path, exchange.ready)
        async with daemon_process(config, environ={"NOTIFY_SOCKET": str(manager.path)}) as daemon:
            await manager.until("READY=1", within_s=30)
            config.write_text("this is no toml")
            daemon.send(signal.SIGHUP)
            await manager.until("READY=1", times=2)
            assert "config.reload_failed" in daemon.text
            assert await daemon.end() == 0


@pytest.mark.slow
async def test_the_watchdog_is_fed_while_the_database_stands_still(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.path))
    async with sandbox(starting_now()) as exchange:
        config = load_config(write_config(tmp_path, exchange.ready), os.environ)
        store = await asyncio.to_thread(open_store, config)
        daemon = daemon_module.build(config, store, SystemClock(), ServiceManager().beat)
        running = asyncio.create_task(daemon.run())
        held, may_go_on = threading.Event(), threading.Event()
        try:
            await manager.until("WATCHDOG=1", times=3)
            # The one writer waits: a commit is given up after three seconds, and watching needs no database.
            waiting = asyncio.create_task(store.order(_wait, held, may_go_on))
            assert await asyncio.to_thread(held.wait, 10)
            await manager.until("WATCHDOG=1", times=manager.count("WATCHDOG=1") + 10, within_s=30)
            before = manager.count("WATCHDOG=1")
            may_go_on.set()
            with contextlib.suppress(StoreError):
                await waiting
            await manager.until("WATCHDOG=1", times=before + 2)
        finally:
            may_go_on.set()
            daemon.stop()
            await running
            await store.close()


def _wait(connection: Connection, held: threading.Event, may_go_on: threading.Event) -> None:
    held.set()
    may_go_on.wait(30)


def test_a_manager_who_does_not_read_blocks_nobody_and_hears_of_readiness_later(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.path))
    filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    filler.connect(str(manager.path))
    with contextlib.suppress(BlockingIOError):
        while True:
            filler.send(b"FULL=1")
    filler.close()
    service = ServiceManager()
    service.beat()
    assert manager.count("READY=1") == 0
    service.beat()
    assert manager.words[-2:] == ["READY=1", "WATCHDOG=1"]
