"""Several daemons on one database share the accounts: each account has one that watches, tells and acts."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario
from tests.integration.leases.takeover_run import ACTIONS, MONEY_PATHS, UNSETTLED
from tests.support.command import margin_monitor
from tests.support.daemon import DaemonProcess, daemon_process, eventually, starting_now, write_config
from tests.support.postgres import PostgresServer, own_server
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import HttpSink, http_sink

ACCOUNTS = ("alpha", "beta", "gamma")
HOLDERS = "SELECT account, holder FROM leases WHERE account NOT IN ('', '*') AND holder IS NOT NULL"
WITHIN_S = 60.0

pytestmark = pytest.mark.slow


def several_accounts() -> Scenario:
    """The calm scenario with its account three times, each a user of its own."""
    scenario = calm_scenario()
    return replace(scenario, accounts=tuple(replace(scenario.accounts[0], name=name) for name in ACCOUNTS))


@dataclass(slots=True)
class Desk:
    """One database, one exchange with several accounts, one phone, and the daemons."""

    server: PostgresServer
    around: RunningSandbox
    phone: HttpSink
    folder: Path
    opened: contextlib.AsyncExitStack
    daemons: list[DaemonProcess] = field(default_factory=list)

    async def start(self, *, more: str = "") -> DaemonProcess:
        """Start one more daemon with the same configuration, as on a machine of its own."""
        folder = self.folder / f"machine{len(self.daemons)}"
        path = write_config(
            folder, self.around.ready, url=self.server.url("desk"), channels={"phone": self.phone.url}, more=more
        )
        path.write_text(path.read_text().replace("[storage]\n", '[storage]\nlease = "account"\n'))
        assert (await asyncio.to_thread(margin_monitor, path, "db", "upgrade")).code == 0 or self.daemons
        child = await self.opened.enter_async_context(daemon_process(path, environ={"STATE_DIRECTORY": str(folder)}))
        self.daemons.append(child)
        return child

    @property
    def config(self) -> Path:
        return self.folder / "machine0" / "config.toml"

    def holders(self) -> Mapping[str, int]:
        """The process that holds each account."""
        with self.server.connect("desk") as connection:
            return {name: int(holder.split(".")[1]) for name, holder in connection.execute(HOLDERS).fetchall()}

    async def wait_for_shares(self, *shares: tuple[DaemonProcess, int], within_s: float = WITHIN_S) -> None:
        """Wait until each of these daemons holds so many accounts."""
        wanted = Counter({child.process.pid: count for child, count in shares})

        async def divided() -> bool:
            held = await asyncio.to_thread(self.holders)
            return len(held) == len(ACCOUNTS) and Counter(held.values()) == wanted

        await eventually(divided, within_s, story=lambda: f"{self.holders()} {[d.text[-900:] for d in self.daemons]}")

    async def wait_for_messages(self, rule: str, state: str, accounts: tuple[str, ...] = ACCOUNTS) -> None:
        """Wait until people were told of that state of the rule's alert in each of the accounts."""

        async def all_told() -> bool:
            return set(accounts) <= self.told(rule, state).keys()

        await eventually(all_told, WITHIN_S, story=lambda: f"{self.phone.received} {[d.text for d in self.daemons]}")

    def told(self, rule: str, state: str) -> Counter[str]:
        """How many messages of that state of the rule's alert there were, by account."""
        documents = [one.json() for one in self.phone.received]
        return Counter(d["account"] for d in documents if d.get("rule") == rule and d.get("state") == state)

    def orders(self) -> Counter[str]:
        """How many orders the exchange got of each account."""
        keys = {account["api_key"]: account["name"] for account in self.around.ready.accounts}
        requests = self.around.sandbox.requests
        sent = [request for request in requests if request.method == "POST" and request.path in MONEY_PATHS]
        return Counter(keys[request.api_key] for request in sent)

    async def wait_for_orders(self, count: int) -> None:
        """Wait until the exchange has got so many orders of each account at least, and all are settled."""

        async def is_done() -> bool:
            is_sent = all(self.orders()[name] >= count for name in ACCOUNTS)
            return is_sent and await asyncio.to_thread(self._is_settled)

        await eventually(is_done, WITHIN_S, story=lambda: f"{self.orders()} {[d.text[-1500:] for d in self.daemons]}")

    def _is_settled(self) -> bool:
        with self.server.connect("desk") as connection:
            return connection.execute(UNSETTLED).fetchone() == (0,)

    def set_price(self, price: int) -> None:
        self.around.sandbox.user_actions.set_price("BTCUSDT", Decimal(price))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with contextlib.AsyncExitStack() as opened:
        server = opened.enter_context(own_server())
        server.create_database("desk")
        phone = opened.enter_context(http_sink())
        around = await opened.enter_async_context(sandbox(starting_now(several_accounts())))
        yield Desk(server, around, phone, tmp_path, opened)


async def test_accounts_are_divided_and_taken_over(desk: Desk) -> None:
    first = await desk.start()
    await desk.wait_for_shares((first, 3))
    second = await desk.start()
    await desk.wait_for_shares((first, 2), (second, 1))
    desk.set_price(41_000)
    await desk.wait_for_messages("near-call", "firing")
    first.send(signal.SIGKILL)
    await desk.wait_for_shares((second, 3), within_s=20)
    desk.set_price(60_000)
    await desk.wait_for_messages("near-call", "resolved")
    assert desk.told("near-call", "firing") == dict.fromkeys(ACCOUNTS, 1)
    printed = await asyncio.to_thread(margin_monitor, desk.config, "status", "--json")
    assert printed.code == 0, printed
    status = printed.json()
    assert {one["account"]: one["state"] for one in status["accounts"]} == dict.fromkeys(ACCOUNTS, "ok")
    # One that comes back gets a share again.
    third = await desk.start()
    await desk.wait_for_shares((second, 2), (third, 1))


async def test_clean_stop_gives_the_accounts_back(desk: Desk) -> None:
    first = await desk.start()
    await desk.wait_for_shares((first, 3))
    second = await desk.start()
    await desk.wait_for_shares((first, 2), (second, 1))
    first.send(signal.SIGTERM)
    assert await first.wait_for_exit() == 0
    await desk.wait_for_shares((second, 3), within_s=20)


async def test_frozen_daemon_loses_its_accounts_and_gets_a_share_again(desk: Desk) -> None:
    first = await desk.start()
    await desk.wait_for_shares((first, 3))
    second = await desk.start()
    await desk.wait_for_shares((first, 2), (second, 1))
    first.send(signal.SIGSTOP)
    await desk.wait_for_shares((second, 3), within_s=20)
    desk.set_price(41_000)
    await desk.wait_for_messages("near-call", "firing")
    first.send(signal.SIGCONT)
    await desk.wait_for_shares((first, 1), (second, 2))


async def test_limits_hold_across_a_takeover(desk: Desk) -> None:
    first = await desk.start(more=ACTIONS)
    await desk.wait_for_shares((first, 3))
    second = await desk.start(more=ACTIONS)
    await desk.wait_for_shares((first, 2), (second, 1))
    desk.set_price(41_000)
    await desk.wait_for_orders(1)
    first.send(signal.SIGKILL)
    await desk.wait_for_shares((second, 3), within_s=20)
    await desk.wait_for_messages("cannot-act", "firing")
    await desk.wait_for_orders(4)
    # Three transfers of 100 a day, and a repayment after each.
    assert set(desk.orders().values()) <= {4, 5, 6}
