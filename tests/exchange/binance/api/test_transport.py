"""Objections to an order, checked when its connection is open and not before."""

import asyncio
import socket
from decimal import Decimal

from monitor.core.model.account import CROSS
from monitor.core.model.order import Accepted, Repay, Withheld
from tests.support.connected_sandbox import connected_sandbox, hosts_of
from tests.support.timeouts import SOON_S

ORDER = Repay(CROSS, "USDT", Decimal(5))


async def test_objection_during_the_wait_for_a_connection_withholds_the_order() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        server.setblocking(False)
        loop = asyncio.get_running_loop()
        # This connection fills the server's queue: the next one has to wait until it is taken.
        with socket.create_connection(server.getsockname()):
            async with connected_sandbox() as around:
                slow = hosts_of(around.ready, rest=f"http://127.0.0.1:{server.getsockname()[1]}")
                async with connected_sandbox(base_urls=slow) as w:
                    asked = asyncio.Event()
                    against: list[Withheld] = []

                    def objection() -> Withheld | None:
                        asked.set()
                        return against[0] if against else None

                    sending = asyncio.create_task(w.account.execute(ORDER, objection))
                    await asked.wait()
                    # The order waits for its connection now.
                    await asyncio.sleep(0)
                    against.append(Withheld("it is not wanted any more"))
                    first, _ = await loop.sock_accept(server)
                    first.close()
                    connected, _ = await loop.sock_accept(server)
                    with connected:
                        assert await asyncio.wait_for(sending, SOON_S) == against[0]
                        assert await asyncio.wait_for(loop.sock_recv(connected, 1), SOON_S) == b"", "something has left"


async def test_objection_is_checked_right_before_sending_on_a_kept_connection() -> None:
    async with connected_sandbox() as w:
        times: list[int] = []

        def objection() -> Withheld | None:
            times.append(len(w.requests("/sapi/v1/margin/borrow-repay", "POST")))
            return None

        await w.account.read_cross()
        assert isinstance(await w.account.execute(ORDER, objection), Accepted)
        assert times == [0, 0]
        assert await w.account.execute(ORDER, lambda: Withheld("no")) == Withheld("no")
        assert len(w.requests("/sapi/v1/margin/borrow-repay", "POST")) == 1
