"""Requests and streams to a host with one unreachable address: they use the other address."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from monitor.core.model.events import StreamChanged
from tests.support.connected_sandbox import EventInbox, connected_sandbox, hosts_of

NAME = "exchange.test"


@contextlib.contextmanager
def unreachable_address() -> Iterator[int]:
    """Yield the port of a listener whose backlog is full: it answers nothing."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(("127.0.0.1", port))
        yield port


async def test_unreachable_address_does_not_block_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    loop: Any = asyncio.get_running_loop()
    system = loop.getaddrinfo

    async def resolve(host: Any, port: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != NAME:
            return await system(host, port, **options)
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, ("127.0.0.1", hole)), (*kind, ("127.0.0.1", int(port)))]

    with unreachable_address() as hole:
        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        async with connected_sandbox() as w:
            named = {
                field: url.replace("127.0.0.1", NAME)
                for field, url in vars_of(hosts_of(w.ready)).items()
                if isinstance(url, str)
            }
            async with connected_sandbox(base_urls=hosts_of(w.ready, **named)) as other:
                await other.account.read_cross()
                inbox = EventInbox()
                streams = other.account.create_streams(inbox)
                streams.watch_prices(["BTCUSDT"])
                running = asyncio.create_task(streams.run())
                await inbox.wait_until(lambda: {change.stream for change in up(inbox)} == {"account", "market", "risk"})
                assert all(not event.reason for event in inbox.events if isinstance(event, StreamChanged))
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


def up(inbox: EventInbox) -> list[StreamChanged]:
    return [event for event in inbox.events if isinstance(event, StreamChanged) and event.connected]


def vars_of(hosts: Any) -> dict[str, Any]:
    return {name: getattr(hosts, name) for name in hosts.__dataclass_fields__}
