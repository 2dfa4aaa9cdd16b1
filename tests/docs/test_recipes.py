"""The recipes of the cookbook, carried out: no flaw in any, the first order by approval, the database on PostgreSQL."""

import asyncio
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.cli.lint_input import find_flaws
from monitor.config.loading import build_config
from monitor.core.model.intent import IntentState
from tests.docs.pages import CHECKOUT, Block, blocks
from tests.support.command import margin_monitor
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.money_actions import intents, money_requests
from tests.support.postgres import PostgresServer
from tests.support.sandbox import sandbox

PAGE = CHECKOUT / "docs" / "guide" / "recipes.md"

TABLES = {
    "accounts": '[[accounts]]\nname = "main"\napi_key = "env:KEY"\napi_secret = "env:SECRET"\n',
    "channels": '[[channels]]\nname = "phone"\nurl = "file:phone-url"\nfallback = "mail"\n'
    '[[channels]]\nname = "mail"\nurl = "file:mail-url"\nfallback = "phone"\n',
    "heartbeat": '[heartbeat]\nurl = "file:heartbeat-url"\n',
}
"""What the other recipes have set up already."""


def of_page(language: str) -> list[Block]:
    return [block for block in blocks(language) if block.page == PAGE]


def recipe(with_line: str) -> str:
    """The configuration of the page that has this line."""
    (found,) = (block.text for block in of_page("toml") if with_line in block.text.splitlines())
    return found


@pytest.mark.parametrize("block", of_page("toml"), ids=lambda block: block.place)
def test_lint_finds_no_flaw_in_a_recipe(block: Block, tmp_path: Path) -> None:
    own = tomllib.loads(block.text)
    text = block.text + "".join(table for name, table in TABLES.items() if name not in own)
    config = build_config(text.encode(), tmp_path / "config.toml", {})
    assert find_flaws(config, offline=True) == ()


@pytest.mark.slow
async def test_first_order_by_approval_is_sent_once_and_proven(tmp_path: Path) -> None:
    """The steps of the third week, with the commands of the page."""
    async with sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, more=recipe('name = "try-once"'))

        async def is_in(state: IntentState) -> bool:
            return [each.state for each in intents(tmp_path)] == [state]

        async with daemon_process(config):
            await eventually(lambda: is_in(IntentState.PROPOSED), 30)
            assert money_requests(box.sandbox.requests) == []
            (proposed,) = intents(tmp_path)
            said = await asyncio.to_thread(margin_monitor, config, "actions", "approve", str(proposed.id))
            assert said.code == 0, said.err
            await eventually(lambda: is_in(IntentState.CONFIRMED), 150)
            shown = await asyncio.to_thread(margin_monitor, config, "actions", "show", str(proposed.id))
        (sent,) = money_requests(box.sandbox.requests)
        assert (sent.params["asset"], Decimal(sent.params["amount"]), sent.params["type"]) == (
            "USDT",
            Decimal(20),
            "REPAY",
        )
    assert "CONFIRMED" in shown.out
    verified = margin_monitor(config, "actions", "verify")
    assert verified.code == 0, verified.out


def test_database_of_its_own_user_is_made_and_sound(postgres_server: PostgresServer, tmp_path: Path) -> None:
    (block,) = of_page("sql")
    statements = [line for line in block.text.splitlines() if line]
    with postgres_server.connect("postgres") as server:
        for statement in statements:
            server.execute(statement.encode())
    try:
        assert "postgresql+psycopg://margin:a-long-one@db.example/margin" in PAGE.read_text(encoding="utf-8")
        url = f"postgresql+psycopg://margin:a-long-one@/margin?host={postgres_server.folder}"
        (tmp_path / "database-url").touch(mode=0o600)
        (tmp_path / "database-url").write_text(f"{url}\n", encoding="utf-8")
        config = tmp_path / "config.toml"
        config.write_text(recipe('url = "file:database-url"') + TABLES["accounts"], encoding="utf-8")
        config.chmod(0o600)
        for words in (("db", "upgrade"), ("db", "check")):
            said = margin_monitor(config, *words)
            assert said.code == 0, said.err
            assert "a-long-one" not in said.out + said.err
    finally:
        postgres_server.drop_database("margin")
        with postgres_server.connect("postgres") as server:
            server.execute("DROP ROLE margin")
