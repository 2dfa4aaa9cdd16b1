"""`check`: a row for everything that must work, the mend where it doesn't, and nothing sent to any channel."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiKeyPermissions, ApiKeySpec
from monitor.store.db.schema_migration import upgrade
from tests.support.cli_process import CommandResult, run_cli
from tests.support.sandbox import RunningSandbox, sandbox

CLOSED = "http://127.0.0.1:1"
"""A loopback port on which nothing listens."""


def _write(folder: Path, rest_url: str, account: dict[str, str], more: str = "", channels: str = "") -> None:
    keys = "\n".join(f'{name} = "{value}"' for name, value in account.items() if name != "name")
    (folder / "config.toml").write_text(
        f"""
[exchange]
rest_url = "{rest_url}"
request_timeout = "5s"
[[accounts]]
name = "main"
{keys}
{channels}
{more}
"""
    )
    (folder / "config.toml").chmod(0o600)


async def _check(folder: Path, *words: str) -> CommandResult:
    environ = {"STATE_DIRECTORY": str(folder)}
    return await asyncio.to_thread(
        lambda: run_cli(folder, "check", "--json", "--config", "config.toml", *words, environ=environ)
    )


def _rows(ran: CommandResult) -> dict[str, Any]:
    return {row["name"]: row for row in ran.document["items"]}


def _results(ran: CommandResult) -> dict[str, str]:
    return {name: row["result"] for name, row in _rows(ran).items()}


def _account(running: RunningSandbox) -> dict[str, str]:
    return next(dict(account) for account in running.ready.accounts if account["api_secret"])


async def test_all_is_well_at_a_healthy_exchange(tmp_path: Path) -> None:
    async with sandbox(calm_scenario()) as running:
        channel = '[[channels]]\nname = "phone"\nurl = "json://127.0.0.1:1/x"\n'
        _write(tmp_path, running.ready.rest_url, _account(running), channels=channel)
        ran = await _check(tmp_path)
    assert (ran.code, ran.document["ok"]) == (0, True), ran
    assert _results(ran) == {
        "config": "ok",
        "rules": "ok",
        "secrets": "ok",
        "exchange": "ok",
        "clock": _results(ran)["clock"],
        "key": "ok",
        # The sandbox's key may do everything, and nothing of it is needed without an action.
        "permissions": "warning",
        "database": "warning",
        "space": "ok",
        "channel:phone": "ok",
    }


async def test_a_refused_key_is_an_error_of_its_own_row(tmp_path: Path) -> None:
    async with sandbox(calm_scenario()) as running:
        _write(tmp_path, running.ready.rest_url, {"api_key": "A" * 64, "api_secret": "B" * 64})
        ran = await _check(tmp_path)
    assert ran.code == 1 and not ran.document["ok"]
    results = _results(ran)
    assert (results["exchange"], results["key"], results["permissions"]) == ("ok", "error", "skipped")
    assert "B" * 64 not in ran.stdout + ran.stderr


async def test_unreadable_watched_scope_is_an_error(tmp_path: Path) -> None:
    fault = Fault("malformed", path="/sapi/v1/margin/account", form="contradiction", count=0)
    async with sandbox(calm_scenario(), faults=[fault]) as running:
        _write(tmp_path, running.ready.rest_url, _account(running))
        ran = await _check(tmp_path)
    assert (ran.code, ran.document["ok"]) == (1, False)
    row = _rows(ran)["account"]
    assert (row["result"], "cross can't be read" in row["detail"]) == ("error", True)
    assert "marginLevel contradicts" in row["detail"]


async def test_unreachable_exchange_is_an_error_and_other_rows_are_shown(tmp_path: Path) -> None:
    _write(tmp_path, CLOSED, {"api_key": "A" * 64, "api_secret": "B" * 64})
    ran = await _check(tmp_path)
    assert ran.code == 1
    results = _results(ran)
    assert (results["exchange"], results["clock"], results["key"]) == ("error", "skipped", "skipped")
    assert _rows(ran)["exchange"]["detail"].startswith(f"{CLOSED} can't be reached (GET /api/v3/time")
    assert _rows(ran)["exchange"]["mend"] == "check the address, the network and exchange.proxy"
    assert results["channels"] == "warning"
    assert _rows(ran)["channels"]["mend"] == "add [[channels]] with a name and an url"


ONLY_READING = ApiKeyPermissions(margin=False, trading=False, transfer=False)
RESTRICT = "restrict it to this machine's address at the exchange"
ALLOW = 'allow it at the exchange, or set mode = "dry-run"'

LIVE = """
[[actions]]
name = "top-up"
kind = "transfer_in"
mode = "live"
max_amount = 100
max_per_day = 100
[[rules]]
name = "low"
scope = "cross"
when = "margin_level < 1.2"
actions = ["top-up"]
"""


@pytest.mark.parametrize(
    ("permissions", "more", "expected"),
    [
        (replace(ONLY_READING, withdraw=True), "", [("error", "switch withdrawals off at the exchange")]),
        (replace(ONLY_READING, ip_restrict=False), "", [("warning", RESTRICT)]),
        (ApiKeyPermissions(transfer=False, trading=False), LIVE, [("error", ALLOW)]),
        (ONLY_READING, LIVE.replace("live", "dry-run"), [("ok", None)]),
        (ApiKeyPermissions(), LIVE, [("warning", "take it away at the exchange")]),
        (ApiKeyPermissions(trading=False), LIVE, [("ok", None)]),
        (
            ApiKeyPermissions(withdraw=True, transfer=False, ip_restrict=False, portfolio_margin=True),
            LIVE,
            [
                ("error", "switch withdrawals off at the exchange"),
                ("error", 'use a key of a classic account, or set mode = "dry-run"'),
                ("error", ALLOW),
                ("warning", RESTRICT),
                ("warning", "take it away at the exchange"),
            ],
        ),
    ],
    ids=[
        "withdrawals",
        "any_address",
        "transfer_wanted",
        "transfer_only_recorded",
        "more_than_needed",
        "as_needed",
        "all_at_once",
    ],
)
async def test_key_permissions_are_compared_with_the_needed_ones(
    tmp_path: Path, permissions: ApiKeyPermissions, more: str, expected: list[tuple[str, str | None]]
) -> None:
    key = ApiKeySpec("C" * 64, "D" * 64, permissions=permissions)
    scenario = calm_scenario()
    first = replace(scenario.accounts[0], keys=(key,))
    async with sandbox(replace(scenario, accounts=(first, *scenario.accounts[1:]))) as running:
        _write(tmp_path, running.ready.rest_url, {"api_key": key.api_key, "api_secret": key.api_secret}, more)
        ran = await _check(tmp_path)
    told = [(item["result"], item.get("mend")) for item in ran.document["items"] if item["name"] == "permissions"]
    assert told == expected
    assert ran.code == (1 if "error" in dict(expected) else 0)


async def test_permissions_of_two_keys_are_compared_separately(tmp_path: Path) -> None:
    spare = replace(ONLY_READING, internal_transfer=True, futures=True, options=True)
    reading = ApiKeySpec("C" * 64, "D" * 64, permissions=spare)
    acting = ApiKeySpec("E" * 64, "F" * 64, permissions=ApiKeyPermissions(withdraw=True, trading=False))
    scenario = calm_scenario()
    first = replace(scenario.accounts[0], keys=(reading, acting))
    async with sandbox(replace(scenario, accounts=(first,))) as running:
        keys = {"api_key": reading.api_key, "api_secret": reading.api_secret}
        keys |= {"action_api_key": acting.api_key, "action_api_secret": acting.api_secret}
        _write(tmp_path, running.ready.rest_url, keys, LIVE)
        ran = await _check(tmp_path)
    told = [(item["result"], item["detail"]) for item in ran.document["items"] if item["name"] == "permissions"]
    assert told == [
        (
            "warning",
            "the key may do what no action of this configuration needs: futures (enableFutures), "
            "internal transfer (enableInternalTransfer), options (enableVanillaOptions)",
        ),
        ("error", "action_api_key may withdraw; with such a key no action is taken"),
    ]


async def test_wrong_machine_clock_is_reported(tmp_path: Path) -> None:
    skew = Fault("clock_skew", count=0, seconds=90)
    async with sandbox(calm_scenario(), faults=[skew]) as running:
        _write(tmp_path, running.ready.rest_url, _account(running))
        row = _rows(await _check(tmp_path))["clock"]
    assert (row["result"], row["mend"]) == ("warning", "synchronise it with NTP")
    assert row["detail"].startswith("this machine's clock is ")


async def test_a_ban_that_it_meets_holds_for_the_next_command(tmp_path: Path) -> None:
    ban = Fault("ban", path="/sapi/v1/account/apiRestrictions", seconds=600, count=1)
    async with sandbox(replace(calm_scenario(), start=datetime.now(UTC)), faults=[ban]) as running:
        _write(tmp_path, running.ready.rest_url, _account(running))
        await asyncio.to_thread(upgrade, f"sqlite:///{tmp_path}/margin-monitor.db")
        assert _results(await _check(tmp_path))["key"] == "error"
        asked = len(running.sandbox.requests)
        exchange = _rows(await _check(tmp_path))["exchange"]
        assert (exchange["result"], len(running.sandbox.requests)) == ("error", asked)
    assert "held back until" in exchange["detail"]


def test_offline_check_sends_no_request(tmp_path: Path) -> None:
    _write(tmp_path, CLOSED, {"api_key": "A" * 64, "api_secret": "B" * 64})
    ran = run_cli(tmp_path, "check", "--offline", "--json", "--config", "config.toml")
    assert ran.code == 0
    assert {row["result"] for row in ran.document["items"] if row["name"] in ("exchange", "clock", "key")} == {
        "skipped"
    }


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ("", "no action moves money"),
        ('[[actions]]\nname = "a"\nkind = "repay"\n', "no rule names action a"),
    ],
)
def test_rules_row_names_live_actions(tmp_path: Path, more: str, detail: str) -> None:
    _write(tmp_path, CLOSED, {"api_key": "A" * 64, "api_secret": "B" * 64}, more)
    ran = run_cli(tmp_path, "check", "--offline", "--json", "--config", "config.toml")
    assert _rows(ran)["rules"]["detail"].endswith(detail)


def test_unreadable_secrets_channels_and_databases_are_rows(tmp_path: Path) -> None:
    channel = '[[channels]]\nname = "phone"\nurl = "file:none"\n'
    database = f'[storage]\nurl = "sqlite:///{tmp_path}/garbage.db"\n'
    (tmp_path / "garbage.db").write_text("this is no database, and long enough to be seen as none")
    more = f'{database}[heartbeat]\nurl = "env:NOWHERE"\n'
    _write(tmp_path, CLOSED, {"api_key": "env:NONE", "api_secret": "B" * 64}, more, channel)
    ran = run_cli(tmp_path, "check", "--offline", "--json", "--config", "config.toml")
    rows = _rows(ran)
    assert ran.code == 1
    wrong = ("secrets", "database", "channel:phone", "heartbeat")
    assert [rows[name]["result"] for name in wrong] == ["error"] * 4
    assert rows["secrets"]["mend"] == "set it, or name a file with file:PATH"
    assert rows["channel:phone"]["detail"].startswith('config.toml: channels[0] "phone".url: can\'t read ')


def test_the_heartbeat_has_a_row_where_there_is_one(tmp_path: Path) -> None:
    _write(
        tmp_path,
        CLOSED,
        {"api_key": "A" * 64, "api_secret": "B" * 64},
        '[heartbeat]\nurl = "http://127.0.0.1:1/ping"\nevery = "90s"\n',
    )
    row = _rows(run_cli(tmp_path, "check", "--offline", "--json", "--config", "config.toml"))["heartbeat"]
    assert (row["result"], row["detail"]) == ("ok", "pinged every 1m30s while all is well")


def test_a_config_that_cannot_be_loaded_is_78(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[schedule]\ncross = 60\n")
    ran = run_cli(tmp_path, "check", "--config", "config.toml")
    assert (ran.code, ran.stdout) == (78, "")
    assert ran.stderr.splitlines()[0] == 'config.toml: schedule.cross: 60 has no unit; write it like "60s"'


def test_daemon_does_not_start_with_a_token_that_could_be_guessed(tmp_path: Path) -> None:
    _write(tmp_path, CLOSED, {"api_key": "A" * 64, "api_secret": "B" * 64}, '[http]\ntoken = "guess-me"\n')
    ran = run_cli(tmp_path, "--config", "config.toml", "run")
    assert (ran.code, ran.stdout) == (78, "")
    line = "config.toml: http.token: is shorter than 16 characters: it could be guessed; "
    assert line in ran.stderr and "guess-me" not in ran.stderr


async def test_token_of_the_page_that_is_missing_or_short_is_named(tmp_path: Path) -> None:
    async with sandbox(calm_scenario()) as running:
        for table, result, words in (
            ('token = "file:no-such-token"', "error", "http.token"),
            ('token = "short"', "error", "http.token: is shorter than 16 characters: it could be guessed"),
        ):
            _write(tmp_path, running.ready.rest_url, _account(running), f"[http]\n{table}")
            rows = (await _check(tmp_path, "--offline")).document["items"]
            found = [row for row in rows if row["name"] == "secrets" and row["result"] == result]
            assert [words in row["detail"] for row in found] == [True]
            assert 'short"' not in str(rows)
