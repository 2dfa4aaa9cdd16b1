"""A daemon in this process that serves its page at a free port."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from monitor.cli.daemon.daemon_supervisor import DaemonSupervisor
from monitor.clock import SystemClock
from monitor.sandbox.scenario.scenario import Scenario
from tests.integration.web.http_client import Address, Answer, send
from tests.support.daemon import eventually, in_process_run, starting_now, write_config
from tests.support.sandbox import RunningSandbox, sandbox

TOKEN = "correct-horse-battery-staple"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}

WITH_TOKEN = f'[http]\nlisten = "127.0.0.1:0"\ntoken = "{TOKEN}"\n'
WITHOUT_TOKEN = '[http]\nlisten = "127.0.0.1:0"\n'


@dataclass(frozen=True, slots=True)
class Login:
    """A session of the page: the header of its cookie, and the token of its forms."""

    cookie: Mapping[str, str]
    form_token: str


@dataclass(frozen=True, slots=True)
class ServedDaemon:
    """A daemon in this process with its page, the sandbox behind it and its configuration file."""

    supervisor: DaemonSupervisor
    box: RunningSandbox
    config: Path

    @property
    def address(self) -> Address:
        assert self.supervisor.web is not None
        address = self.supervisor.web.server.address
        assert address is not None, "the page is not served"
        return address

    @property
    def is_served(self) -> bool:
        return self.supervisor.web is not None and self.supervisor.web.server.address is not None

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await send(self.address, "GET", path, headers)

    async def post(self, path: str, headers: Mapping[str, str] | None = None, body: bytes | str = b"") -> Answer:
        return await send(self.address, "POST", path, headers, body)

    async def post_form(
        self, path: str, headers: Mapping[str, str] | None = None, source: str = "127.0.0.1", **fields: str
    ) -> Answer:
        return await send(self.address, "POST", path, {**FORM, **(headers or {})}, urlencode(fields), source)

    async def log_in(self) -> Login:
        """Log in with the token."""
        answer = await self.post_form("/login", token=TOKEN)
        assert answer.status == 303, answer.text
        value = answer.headers["set-cookie"].partition(";")[0]
        assert self.supervisor.web is not None
        session = self.supervisor.web.server.sessions.find(value.partition("=")[2])
        assert session is not None
        return Login({"Cookie": value}, session.form_token)

    async def wait_until_served(self) -> None:
        async def served() -> bool:
            return self.is_served

        await eventually(served)


@contextlib.asynccontextmanager
async def served_daemon(
    folder: Path, http: str = WITH_TOKEN, scenario: Scenario | None = None, *, waits: bool = True, **more: object
) -> AsyncIterator[ServedDaemon]:
    """A daemon that serves its page. `http` is the table `[http]`; `more` goes to `write_config`.

    `waits` False: the context starts before anything is served.
    """
    async with sandbox(starting_now(scenario)) as box:
        config = write_config(folder, box.ready, more=http, **more)  # type: ignore[arg-type]
        async with in_process_run(config, SystemClock()) as supervisor:
            served = ServedDaemon(supervisor, box, config)
            if waits:
                await served.wait_until_served()

            async def ready() -> bool:
                return supervisor.daemon is not None and supervisor.daemon.is_ready

            await eventually(ready)
            yield served
