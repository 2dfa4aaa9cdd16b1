"""The guard itself: the clients' tests prove nothing if it is blind."""

import socket

import aiohttp
import pytest
import requests

from tests.sandbox.foreign.network_guard import NetworkGuard, OutsideConnection


def test_outside_connection_is_refused_and_recorded(guard: NetworkGuard) -> None:
    with socket.socket() as one, pytest.raises(OutsideConnection):
        one.connect(("192.0.2.1", 443))
    with pytest.raises(OutsideConnection):
        socket.getaddrinfo("exchange.example", 443)
    with pytest.raises(requests.ConnectionError):
        requests.get("http://192.0.2.1/", timeout=5)
    assert guard.refused[:2] == ["socket.connect 192.0.2.1", "socket.getaddrinfo exchange.example"]
    guard.refused.clear()


async def test_asynchronous_client_is_blocked_too(guard: NetworkGuard) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises((aiohttp.ClientError, OutsideConnection)):
            await session.get("http://192.0.2.1/")
    assert guard.refused
    guard.refused.clear()


def test_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5) as one:
        assert one.getpeername() == server.getsockname()
