"""The page behind a real proxy: Caddy with the configuration of the recipe, on an address of this machine."""

import asyncio
import contextlib
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.docs.pages import blocks
from tests.integration.web.served_daemon import AUTHORIZED, TOKEN, WITH_TOKEN, ServedDaemon, served_daemon
from tests.support.daemon import eventually
from tests.support.timeouts import SOON_S

NAME = "monitor.example"
VISITOR = "127.0.0.2"

HERE = """{{
    admin off
    skip_install_trust
    auto_https disable_redirects
    default_bind 127.0.0.1
    https_port {port}
}}
"""
"""Global options: no other port, no certificate from elsewhere, nothing changed on this machine."""


def caddyfile(port: int, page_port: int) -> str:
    """The recipe's configuration, with a certificate that Caddy signs itself."""
    (recipe,) = (block.text for block in blocks("text") if block.text.startswith(f"{NAME} {{"))
    assert "127.0.0.1:9184" in recipe
    own = recipe.replace("127.0.0.1:9184", f"127.0.0.1:{page_port}").replace("{\n", "{\n    tls internal\n", 1)
    return HERE.format(port=port) + own


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Proxied:
    """The daemon, and a client that reaches it through Caddy by the public name."""

    served: ServedDaemon
    client: httpx.AsyncClient

    async def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        extensions = {"sni_hostname": NAME}
        return await self.client.request(method, path, extensions=extensions, **more)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def proxied(folder: Path) -> AsyncIterator[Proxied]:
    program = shutil.which("caddy")
    if program is None:
        assert os.environ.get("CI") != "true", "caddy is missing; install the Debian package caddy"
        pytest.skip("caddy is missing (Debian package caddy)")
    async with served_daemon(folder / "daemon", f'{WITH_TOKEN}public_url = "https://{NAME}"\n') as served:
        port = free_port()
        (folder / "Caddyfile").write_text(caddyfile(port, served.address[1]), encoding="utf-8")
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        process = await asyncio.create_subprocess_exec(
            *(program, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"),
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        root = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"

        async def is_up() -> bool:
            """Whether a connection gets a certificate, which Caddy makes after it has begun to listen."""
            with contextlib.suppress(OSError):
                trusted = ssl.create_default_context(cafile=str(root))
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted, server_hostname=NAME)
                writer.close()
                return True
            return False

        try:
            await eventually(is_up, given_up=lambda: process.returncode is not None)
            transport = httpx.AsyncHTTPTransport(
                verify=ssl.create_default_context(cafile=str(root)), local_address=VISITOR
            )
            headers = {"Host": NAME}
            address = f"https://127.0.0.1:{port}"
            async with httpx.AsyncClient(
                transport=transport, headers=headers, base_url=address, timeout=SOON_S
            ) as client:
                yield Proxied(served, client)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@pytest.mark.slow
async def test_recipe_carries_page_commands_and_live_events(tmp_path: Path) -> None:
    async with proxied(tmp_path) as found:
        assert (await found.ask("GET", "/api/v1/status")).status_code == 200

        # The daemon learns who the visitor is.
        body = {"matchers": ["rule=thin"], "duration": "1h", "comment": "x"}
        silenced = await found.ask("POST", "/api/v1/silences", json=body, headers=AUTHORIZED)
        assert (silenced.status_code, silenced.json()["author"]) == (200, f"web {VISITOR}")

        # A session of a browser: its cookie leaves by https alone, and its forms are accepted.
        login = await found.ask("POST", "/login", data={"token": TOKEN}, headers={"Origin": f"https://{NAME}"})
        assert login.status_code == 303
        assert "secure" in login.headers["set-cookie"].lower()

        # Live events come while the answer goes on.
        request = found.client.build_request("GET", "/api/v1/live", extensions={"sni_hostname": NAME})
        answer = await found.client.send(request, stream=True)
        try:
            async with asyncio.timeout(SOON_S):
                lines = [line async for line in _until_data(answer)]
        finally:
            await answer.aclose()
        assert lines[-1].startswith("data: ")


async def _until_data(answer: httpx.Response) -> AsyncIterator[str]:
    async for line in answer.aiter_lines():
        yield line
        if line.startswith("data: "):
            return
