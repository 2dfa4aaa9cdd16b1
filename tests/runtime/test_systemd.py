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

from monitor.app.daemon import build_daemon
from monitor.app.database import open_store
from monitor.clock import SystemClock
from monitor.config.loading import load_config
from monitor.errors import StoreError
from monitor.runtime.systemd import ServiceManager
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import sandbox


class FakeServiceManager:
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

    async def wait_for(self, word: str, times: int = 1, within_s: float = 20) -> None:
        async def holds() -> bool:
            return self.count(word) >= times

        await eventually(holds, within_s, story=lambda: " ".join(self.words))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def service_manager(tmp_path: Path) -> Iterator[FakeServiceManager]:
    listening = FakeServiceManager(tmp_path / "notify")
    yield listening
    listening.close()


@pytest.mark.slow
async def test_systemd_is_notified_of_every_lifecycle_change(
    tmp_path: Path, service_manager: FakeServiceManager
) -> None:
    async with sandbox(starting_now()) as exchange:
        config = write_config(tmp_path, exchange.ready)
        async with daemon_process(config, environ={"NOTIFY_SOCKET": str(service_manager.path)}) as daemon:
            await service_manager.wait_for("READY=1", within_s=30)
            assert service_manager.words[:2] == ["READY=1", "WATCHDOG=1"]
            await service_manager.wait_for("WATCHDOG=1", times=4)
            daemon.send(signal.SIGHUP)
            await service_manager.wait_for("RELOADING=1")
            await service_manager.wait_for("READY=1", times=2)
            reloading = service_manager.words.index("RELOADING=1")
            assert service_manager.words[reloading + 1].startswith("MONOTONIC_USEC=")
            assert "STOPPING=1" not in service_manager.words
            assert await daemon.stop() == 0
            assert service_manager.words[-1] == "STOPPING=1"


@pytest.mark.slow
async def test_failed_reload_is_reported_as_finished(tmp_path: Path, service_manager: FakeServiceManager) -> None:
    async with sandbox(starting_now()) as exchange:
        config = write_config(tmp_path, exchange.ready)
        async with daemon_process(config, environ={"NOTIFY_SOCKET": str(service_manager.path)}) as daemon:
            await service_manager.wait_for("READY=1", within_s=30)
            config.write_text("this is no toml")
            daemon.send(signal.SIGHUP)
            await service_manager.wait_for("READY=1", times=2)
            assert "config.reload_failed" in daemon.text
            assert await daemon.stop() == 0


@pytest.mark.slow
async def test_watchdog_is_fed_while_the_database_hangs(
    tmp_path: Path, service_manager: FakeServiceManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(service_manager.path))
    async with sandbox(starting_now()) as exchange:
        config = load_config(write_config(tmp_path, exchange.ready), os.environ)
        store = await asyncio.to_thread(open_store, config)
        daemon = build_daemon(config, store, SystemClock(), ServiceManager().report_alive)
        running = asyncio.create_task(daemon.run())
        held, may_go_on = threading.Event(), threading.Event()
        try:
            await service_manager.wait_for("WATCHDOG=1", times=3)
            # The one writer waits: a commit is given up after three seconds, and watching needs no database.
            waiting = asyncio.create_task(store.execute(_wait, held, may_go_on))
            assert await asyncio.to_thread(held.wait, 10)
            await service_manager.wait_for("WATCHDOG=1", times=service_manager.count("WATCHDOG=1") + 10, within_s=30)
            before = service_manager.count("WATCHDOG=1")
            may_go_on.set()
            with contextlib.suppress(StoreError):
                await waiting
            await service_manager.wait_for("WATCHDOG=1", times=before + 2)
        finally:
            may_go_on.set()
            daemon.stop()
            await running
            await store.close()


def _wait(connection: Connection, held: threading.Event, may_go_on: threading.Event) -> None:
    held.set()
    may_go_on.wait(30)


def test_unread_notify_socket_blocks_nothing(
    service_manager: FakeServiceManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(service_manager.path))
    filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    filler.connect(str(service_manager.path))
    with contextlib.suppress(BlockingIOError):
        while True:
            filler.send(b"FULL=1")
    filler.close()
    service = ServiceManager()
    service.report_alive()
    assert service_manager.count("READY=1") == 0
    service.report_alive()
    assert service_manager.words[-2:] == ["READY=1", "WATCHDOG=1"]
