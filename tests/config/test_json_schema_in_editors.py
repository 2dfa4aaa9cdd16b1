"""The JSON Schema in what editors of TOML run: taplo finds nothing in sound files, tombi completes keys."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from monitor.resources import packaged_path
from tests.config.test_json_schema import ACCOUNT, documented_configs
from tests.docs.pages import CHECKOUT, blocks
from tests.support.cli_process import run_cli
from tests.support.timeouts import SOON_S

SCHEMA = "margin-monitor.schema.json"
FIRST_LINE = f"#:schema ./{SCHEMA}\n"
"""The line of the page that names the schema."""


def find_tool(name: str) -> str:
    """The path of a program of the development lock."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found is not None, f"{name} is missing; install the development lock (./dev test does)"
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both schemas, as the page has a person write them."""
    found = tmp_path_factory.mktemp("editor")
    for name, words in ((SCHEMA, ()), ("rules.schema.json", ("--rules",))):
        printed = run_cli(found, "config", "schema", *words)
        assert (printed.code, printed.stderr) == (0, "")
        (found / name).write_text(printed.stdout, encoding="utf-8")
    return found


def lint(folder: Path, *texts: str) -> subprocess.CompletedProcess[str]:
    """What taplo says of these texts, each a file beside the schemas that its first line names."""
    files = [folder / f"file-{number}.toml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "RUST_LOG": "error"}
    command = [find_tool("taplo"), "lint", "--colors", "never", "--no-auto-config", *map(str, files)]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=120)


def shipped(*names: str) -> str:
    return packaged_path("config", *names).read_text(encoding="utf-8")


def test_page_names_the_schema_as_editors_read_it() -> None:
    assert FIRST_LINE in {block.text for block in blocks("toml")}


def test_taplo_finds_nothing_in_the_shipped_files(folder: Path) -> None:
    rules = FIRST_LINE.replace(SCHEMA, "rules.schema.json") + shipped("rules", "ladder.toml")
    container = (CHECKOUT / "container" / "config.example.toml").read_text(encoding="utf-8")
    said = lint(folder, FIRST_LINE + shipped("margin-monitor.example.toml"), FIRST_LINE + container, rules)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_taplo_finds_nothing_in_the_configurations_of_the_pages(folder: Path) -> None:
    texts = [block.text if "[[accounts]]" in block.text else block.text + ACCOUNT for block in documented_configs()]
    said = lint(folder, *(FIRST_LINE + text.removeprefix(FIRST_LINE) for text in texts))
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("table", "mark"),
    [
        ("[schedul]\n", "'schedul' was unexpected"),
        ("[schedule]\ncros = '60s'\n", "'cros' was unexpected"),
        ("[schedule]\ncross = 60\n", '60 is not of type "string"'),
        ("[[channels]]\nname = 'phone'\nseverities = ['loud']\n", '"loud" is not one of'),
    ],
)
def test_taplo_marks_a_mistake(folder: Path, table: str, mark: str) -> None:
    said = lint(folder, FIRST_LINE + ACCOUNT + table)
    assert said.returncode != 0
    assert mark in said.stderr


class LanguageServer:
    """Tombi's language server as an editor talks to it, over its standard input and output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asked = 0

    async def notify(self, method: str, params: object) -> None:
        await self._send({"method": method, "params": params})

    async def ask(self, method: str, params: object) -> Any:
        """Return the result of a request. What the server asks or says meanwhile gets an empty answer."""
        self._asked += 1
        number = self._asked
        await self._send({"id": number, "method": method, "params": params})
        while True:
            message = await self._receive()
            if "method" in message:
                if "id" in message:
                    await self._send({"id": message["id"], "result": None})
            elif message["id"] == number:
                return message["result"]

    async def _send(self, message: dict[str, object]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await self._process.stdin.drain()

    async def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        head = (await self._process.stdout.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(line.partition(":")[2] for line in head.splitlines() if line.startswith("content-length"))
        message: dict[str, Any] = json.loads(await self._process.stdout.readexactly(int(length)))
        return message


@asynccontextmanager
async def language_server(folder: Path) -> AsyncIterator[LanguageServer]:
    """A server that has been greeted, and asks no other host for schemas."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *(find_tool("tombi"), "lsp", "--offline"),
        cwd=folder,
        env=environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SOON_S):
            server = LanguageServer(process)
            greeting: dict[str, object] = {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}}
            await server.ask("initialize", greeting)
            await server.notify("initialized", {})
            yield server
    finally:
        process.kill()
        await process.wait()


async def complete(server: LanguageServer, file: Path, text: str) -> dict[str, str]:
    """The proposals at the end of the text, with what the editor shows beside each.

    Asked until there are some, as an editor does with each key: the first question may overtake the text.
    """
    document = {"uri": file.as_uri(), "languageId": "toml", "version": 1, "text": text}
    await server.notify("textDocument/didOpen", {"textDocument": document})
    *_, last = lines = text.split("\n")
    position = {"line": len(lines) - 1, "character": len(last)}
    items: list[dict[str, Any]] = []
    while not items:
        result = await server.ask(
            "textDocument/completion", {"textDocument": {"uri": file.as_uri()}, "position": position}
        )
        items = result if isinstance(result, list) else (result or {"items": []})["items"]
    return {item["label"]: (item.get("documentation") or {}).get("value", "") for item in items}


@pytest.mark.parametrize(
    ("text", "label", "shown"),
    [
        ('[schedule]\ncross = "60s"\nnear', "near_liquidation", 'Default: `"2s"`'),
        ('[[channels]]\nname = "phone"\nquiet', "quiet_hours", "critical"),
        ('[[rules]]\nname = "low"\nseverity = ', '"critical"', ""),
        ("[repo", "report", ""),
    ],
)
async def test_editor_completes_keys_and_says_what_they_mean(folder: Path, text: str, label: str, shown: str) -> None:
    async with language_server(folder) as server:
        proposals = await complete(server, folder / "config.toml", FIRST_LINE + text)
    assert label in proposals
    assert shown in proposals[label]
