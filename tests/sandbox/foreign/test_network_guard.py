"""The guard itself: the clients' tests prove nothing if it is blind."""

import socket

import aiohttp
import pytest
import requests

from tests.sandbox.foreign.network_guard import Guard, WayOut


def test_a_way_out_is_refused_and_remembered(guard: Guard) -> None:
    with socket.socket() as one, pytest.raises(WayOut):
        one.connect(("192.0.2.1", 443))
    with pytest.raises(WayOut):
        socket.getaddrinfo("exchange.example", 443)
    with pytest.raises(requests.ConnectionError):
        requests.get("http://192.0.2.1/", timeout=5)
    assert guard.refused[:2] == ["socket.connect 192.0.2.1", "socket.getaddrinfo exchange.example"]
    guard.refused.clear()


async def test_an_asynchronous_client_is_held_too(guard: Guard) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises((aiohttp.ClientError, WayOut)):
            await session.get("http://192.0.2.1/")
    assert guard.refused
    guard.refused.clear()


def test_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5) as one:
        assert one.getpeername() == server.getsockname()
