"""The life of the server beside a daemon that watches on: taken addresses, failures, reloads, floods, slow clients."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.app.web import service
from monitor.web import application, connections, server, serving
from tests.integration.web.http_client import Address, send, send_raw
from tests.integration.web.served_daemon import AUTHORIZED, TOKEN, WITH_TOKEN, served_daemon
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink
from tests.support.timeouts import SOON_S

HALF_OPEN = 1000

FALLS = """
[[rules]]
name = "falls"
scope = "cross"
when = "margin_level < 1.5"
severity = "critical"
"""


def texts(sink: HttpSink, words: str, within_s: float = SOON_S) -> list[str]:
    """The texts with these words, once there is one."""
    received = sink.wait_for(lambda got: any(words in str(one.json()["text"]) for one in got), within_s)
    return [text for one in received if words in (text := str(one.json()["text"]))]


def listening_socket(address: Address) -> socket.socket:
    """Another handle of the socket of this process that listens at the address."""
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found = socket.socket(fileno=os.dup(int(path.name)))
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and found.getsockname()[:2] == address:
                return found
            found.close()
    raise AssertionError(f"nothing listens at {address}")


@contextlib.asynccontextmanager
async def half_open(address: Address, count: int, start: bytes = b"GET /") -> AsyncIterator[list[socket.socket]]:
    """So many connections that have sent the start of a request."""
    loop = asyncio.get_running_loop()
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            connection = socket.socket()
            connection.setblocking(False)
            opened.append(connection)
            with contextlib.suppress(OSError):
                async with asyncio.timeout(0.05):
                    await loop.sock_connect(connection, address)
                    await loop.sock_sendall(connection, start)
        yield opened
    finally:
        for connection in opened:
            connection.close()


async def test_taken_address_is_said_once_and_taken_up_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BIND_RETRY_S", 0.05)
    with http_sink() as phone, socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        table = f'[http]\nlisten = "127.0.0.1:{port}"\n'
        async with served_daemon(tmp_path, table, waits=False, channels={"phone": phone.url}) as served:
            said = await asyncio.to_thread(texts, phone, "can't be served")
            assert f"127.0.0.1:{port} (Address already in use)" in said[0]
            assert served.supervisor.web is not None
            statistics = served.supervisor.web.server.statistics

            async def tried_again() -> bool:
                return statistics.listen_failures > 3

            await eventually(tried_again)
            assert not served.is_served
            holder.close()
            await served.wait_until_served()
            assert (await served.get("/healthz")).status == 200
            assert len(texts(phone, "can't be served")) == 1


async def test_server_that_lost_its_socket_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CHECK_S", 0.1)
    async with served_daemon(tmp_path, f'[http]\nlisten = "127.0.0.1:{free_port()}"\ntoken = "{TOKEN}"\n') as served:
        login = await served.log_in()
        with listening_socket(served.address) as broken:
            broken.shutdown(socket.SHUT_RDWR)
        assert served.supervisor.web is not None
        statistics = served.supervisor.web.server.statistics

        async def rebuilt() -> bool:
            return statistics.restarts == 1 and served.is_served

        await eventually(rebuilt)
        assert "margin_monitor_web_restarts_total 1" in (await served.get("/metrics")).text
        resumed = await served.post_form("/api/v1/actions/pause", login.cookie, form_token=login.form_token)
        assert resumed.status == 303, "sessions outlive the server"


async def test_server_that_ended_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "RESTART_S", 0.05)
    async with served_daemon(tmp_path) as served:
        assert served.supervisor.web is not None
        statistics = served.supervisor.web.server.statistics
        (serving_task,) = [task for task in asyncio.all_tasks() if task.get_name() == "web service"]
        serving_task.cancel()

        async def restarted() -> bool:
            return statistics.restarts == 1 and served.is_served

        await eventually(restarted)
        assert (await served.get("/healthz")).status == 200


async def test_flood_of_half_open_connections_delays_no_alert(tmp_path: Path) -> None:
    with http_sink() as phone:
        async with served_daemon(tmp_path, FALLS + WITH_TOKEN, channels={"phone": phone.url}) as served:
            assert (await served.get("/healthz")).status == 200
            async with half_open(served.address, HALF_OPEN):
                served.box.sandbox.user_actions.set_price("BTCUSDT", Decimal(30_000))
                assert await asyncio.to_thread(texts, phone, "main cross is at margin level 1.")
                assert served.supervisor.web is not None
                statistics = served.supervisor.web.server.statistics
                assert statistics.connections <= connections.MAX_CONNECTIONS

                async def answered() -> bool:
                    with contextlib.suppress(OSError, IndexError, ValueError):
                        return (await served.get("/healthz")).status == 200
                    return False

                await eventually(answered)
                assert statistics.refused_connections > 0


async def test_slow_clients_lose_their_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((connections, "REQUEST_S"), (connections, "IDLE_S"), (application, "HANDLER_TIMEOUT_S")):
        monkeypatch.setattr(module, name, 0.3)
    monkeypatch.setattr(connections, "SWEEP_S", 0.1)
    async with served_daemon(tmp_path) as served:
        host = "{}:{}".format(*served.address)
        slow_body = f"POST /api/v1/drill HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        slow_body += f"Authorization: {AUTHORIZED['Authorization']}\r\nContent-Length: 100\r\n\r\n{{"
        starts = ("", "GET /healthz HTTP/1.1\r\nHost:", slow_body, f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n")
        for start in starts:
            reader, writer = await asyncio.open_connection(*served.address)
            writer.write(start.encode())
            with contextlib.suppress(ConnectionResetError):
                await asyncio.wait_for(reader.read(), SOON_S)
            writer.close()
        assert (await served.get("/healthz")).status == 200


@pytest.mark.slow
async def test_reload_keeps_moves_and_closes_the_page(tmp_path: Path) -> None:
    async with served_daemon(tmp_path, f'[http]\nlisten = "127.0.0.1:{free_port()}"\ntoken = "{TOKEN}"\n') as served:
        login, first = await served.log_in(), served.address
        text = served.config.read_text()

        async def reload(new_text: str) -> None:
            before = served.supervisor.daemon
            served.config.write_text(new_text)
            served.supervisor.reload()

            async def replaced() -> bool:
                daemon = served.supervisor.daemon
                return daemon is not before and daemon is not None and daemon.is_ready

            await eventually(replaced, 60)

        async with half_open(first, 1, f"GET /api/v1/live HTTP/1.1\r\nHost: {first[0]}:{first[1]}\r\n\r\n".encode()):
            await reload(text + '\n[safety]\nsettle = "70s"\n')
            assert served.address == first
            assert (await served.post_form("/logout", login.cookie, form_token="wrong")).status == 403

        await reload(text.replace(TOKEN, "another-token-altogether"))
        assert served.address == first
        assert (await served.post("/api/v1/actions/pause", AUTHORIZED)).status == 401
        assert (await served.post_form("/logout", login.cookie, form_token=login.form_token)).status == 401

        await reload(text.replace(str(first[1]), str(free_port())))
        await served.wait_until_served()
        assert served.address != first
        with pytest.raises(ConnectionRefusedError):
            await send(first, "GET", "/healthz")

        await reload(text.replace(f"127.0.0.1:{first[1]}", ""))
        assert not served.is_served


async def test_process_ends_in_time_with_readers_and_half_open_connections(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        port = free_port()
        config = write_config(tmp_path, box.ready, more=f'[http]\nlisten = "localhost:{port}"\n')
        async with daemon_process(config) as child:
            await child.wait_for_line("stream=market connected=True")
            await child.wait_for_line("web.listening")
            address = ("127.0.0.1", port)
            assert (await send(address, "GET", "/healthz")).status == 200
            live = f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
            async with half_open(address, 5, live), half_open(address, 20):
                assert await child.stop() == 0
            assert "Traceback" not in child.text


async def test_page_that_can_not_be_built_harms_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "aiohttp.py").write_text('raise ImportError("this library is broken")\n')
    with http_sink() as phone:
        async with sandbox(starting_now()) as box:
            port = free_port()
            table = f'[http]\nlisten = "127.0.0.1:{port}"\n'
            config = write_config(tmp_path / "daemon", box.ready, more=table, channels={"phone": phone.url})
            async with daemon_process(config, environ={"PYTHONPATH": str(broken)}) as child:
                await child.wait_for_line("stream=market connected=True")
                with contextlib.suppress(ConnectionResetError):
                    assert await send_raw(("127.0.0.1", port), b"GET / HTTP/1.1\r\n\r\n") == b""
                await child.wait_for_line("web.failed")
                assert "this library is broken" in child.text
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
                assert await asyncio.to_thread(texts, phone, "main cross is at margin level 1.")
                await child.wait_for_line("web.listening", times=2)
                assert await child.stop() == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server_socket:
        return int(server_socket.getsockname()[1])
