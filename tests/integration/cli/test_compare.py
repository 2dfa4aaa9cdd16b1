"""`compare` against the exchange: agreeing, deviating, failing; and the bundle, which names no person."""

import asyncio
import json
import re
import stat
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, PairSpec, initial_balance
from tests.support.command import CommandOutput, margin_monitor
from tests.support.daemon import starting_now, write_config
from tests.support.sandbox import RunningSandbox, sandbox

D = Decimal

ACCOUNT = AccountSpec(
    name="annas-margin",
    uid=987654321,
    cross={
        "BTC": initial_balance("1.52345678"),
        "USDT": initial_balance("20123.45678912", borrowed="30111.22233344"),
        "ETH": initial_balance("0.1", borrowed="10.00007777"),
    },
    isolated={
        "BTCUSDT": PairSpec(
            base=initial_balance("0.51112223"), quote=initial_balance("501.22334455", borrowed="20222.33344455")
        )
    },
)
AMOUNTS = (
    "1.52345678",
    "20123.45678912",
    "30111.22233344",
    "10.00007777",
    "0.51112223",
    "501.22334455",
    "20222.33344455",
)


@pytest.fixture
async def exchange() -> AsyncIterator[RunningSandbox]:
    scenario = starting_now(replace(calm_scenario(), accounts=(ACCOUNT,)))
    async with sandbox(scenario) as running:
        running.sandbox.user_actions.charge_interest()
        yield running


async def compare(folder: Path, running: RunningSandbox, *words: str, name: str = "compare") -> CommandOutput:
    config = write_config(folder, running.ready)
    return await asyncio.to_thread(margin_monitor, config, name, *words)


def figures(document: Any) -> dict[str, Any]:
    return {
        " ".join(filter(None, (item["symbol"] or item["scope"], item["figure"], item["asset"]))): item
        for item in document["items"]
    }


async def test_agreeing_exchange_gives_no_difference_and_every_figure(tmp_path: Path, exchange: RunningSandbox) -> None:
    said = await compare(tmp_path, exchange, "--json")
    document = said.json()
    assert (said.code, document["ok"], document["different"], document["unavailable"]) == (0, True, 0, 0)
    found = figures(document)
    for name in (
        "cross margin_level", "cross margin_level_by_totals", "cross assets_btc", "cross liabilities_btc",
        "cross equity_btc", "cross collateral_usdt", "cross collateral_margin_level", "cross net ETH",
        "cross may_leave BTC",
        "cross interest_24h USDT", "cross hourly_rate ETH", "isolated assets_btc", "BTCUSDT margin_level",
        "BTCUSDT liquidation_price", "BTCUSDT net USDT", "BTCUSDT interest_24h USDT",
    ):  # fmt: skip
        assert found[name]["result"] == "same", found[name]
        assert found[name]["ours"] is not None and found[name]["exchange"] is not None
    for name in ("cross liquidation_price BTC", "BTCUSDT margin_call_level"):
        assert (found[name]["result"], found[name]["exchange"]) == ("not_reported", None)
        assert found[name]["ours"] is not None and found[name]["why"]
    assert {request.method for request in exchange.sandbox.requests} == {"GET"}


async def test_table_says_that_no_figure_differs(tmp_path: Path, exchange: RunningSandbox) -> None:
    said = await compare(tmp_path, exchange)
    assert said.code == 0
    assert "no figure differs" in said.out
    assert "margin level" in said.out and "net ETH" not in said.out
    assert "net ETH" in (await compare(tmp_path, exchange, "--all")).out


async def test_deviating_answers_are_named_with_their_differences(tmp_path: Path, exchange: RunningSandbox) -> None:
    cross = (await compare(tmp_path, exchange, "get_margin_account", name="call")).json()
    pairs = (await compare(tmp_path, exchange, "get_isolated_margin_account", name="call")).json()
    level, price = D(cross["marginLevel"]), D(pairs["assets"][0]["liquidatePrice"])
    cross["marginLevel"] = str(level * D("0.9"))
    pairs["assets"][0]["liquidatePrice"] = str(price * 2)
    for path, answer in (("account", cross), ("isolated/account", pairs)):
        fault = Fault("status", path=f"/sapi/v1/margin/{path}", status=200, body=json.dumps(answer), count=0)
        exchange.sandbox.add_fault(fault)
    said = await compare(tmp_path, exchange, "--json")
    found = figures(said.json())
    differing = {name for name, item in found.items() if item["result"] == "different"}
    assert said.code == 1
    assert differing == {"cross margin_level", "cross margin_level_by_totals", "BTCUSDT liquidation_price"}
    assert round(D(found["cross margin_level"]["relative"]), 3) == D("0.111")
    assert round(D(found["BTCUSDT liquidation_price"]["relative"]), 3) == D("-0.5")
    shown = (await compare(tmp_path, exchange)).out
    assert "3 figures of ours differ" in shown and "(-50.0000%)" in shown


async def test_index_off_the_spot_price_shows_beyond_the_tolerance_alone(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    exchange.sandbox.user_actions.set_basis("BTCUSDT", D("0.03"))
    assert figures((await compare(tmp_path, exchange, "--json")).json())["cross margin_level"]["result"] == "different"
    assert (await compare(tmp_path, exchange, "--tolerance", "5%")).code == 0


async def test_refused_read_is_named_and_the_other_figures_are_compared(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    path = "/sapi/v1/margin/isolated/account"
    exchange.sandbox.add_fault(Fault("status", path=path, status=400, code=-3003, message="Margin account", count=0))
    said = await compare(tmp_path, exchange, "--json")
    found = figures(said.json())
    assert said.code == 1
    assert found["isolated margin_level"]["result"] == "unavailable"
    assert found["isolated margin_level"]["why"].startswith("isolated/account failed: ")
    assert found["cross margin_level"]["result"] == "same"


@pytest.mark.parametrize("form", ["odd_row", "missing_rows", "truncated"])
async def test_answer_that_cannot_be_read_is_named_and_never_agrees(
    tmp_path: Path, exchange: RunningSandbox, form: str
) -> None:
    for path in ("account", "isolated/account"):
        exchange.sandbox.add_fault(Fault("malformed", path=f"/sapi/v1/margin/{path}", form=form, count=0))
    said = await compare(tmp_path, exchange, "--json")
    assert said.code == 1
    found = figures(said.json())
    if form == "odd_row":
        unread = {
            name for name, item in found.items() if item["why"] == "its row in the exchange's answer can't be read"
        }
        assert "BTCUSDT margin_level" in unread
        assert [name.rpartition(" ")[0] for name in unread - {"BTCUSDT margin_level"}] == ["cross net"]
    elif form == "missing_rows":
        assert found["isolated liabilities_btc"]["result"] == "different"
    else:
        assert found["cross margin_level"]["why"].startswith("margin/account failed: ")
        assert found["isolated margin_level"]["result"] == "unavailable"


async def test_account_without_its_key_is_named_beside_one_that_is_compared(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    config = write_config(
        tmp_path,
        exchange.ready,
        more='[[accounts]]\nname = "second"\napi_key = "file:nowhere"\napi_secret = "file:nowhere"\n',
    )
    said = await asyncio.to_thread(margin_monitor, config, "compare", "--json")
    items = said.json()["items"]
    first, second = ([i for i in items if i["account"] == name] for name in ("annas-margin", "second"))
    assert said.code == 1
    assert {item["result"] for item in first} == {"same", "not_reported"}
    assert {item["result"] for item in second} == {"unavailable"}
    assert all("can't read" in item["why"] for item in second)


async def test_exchange_that_is_not_there_exits_69_and_names_the_figures(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    config = write_config(tmp_path, exchange.ready)
    await exchange.sandbox.stop()
    said = await asyncio.to_thread(margin_monitor, config, "compare", "--json")
    assert (said.code, said.json()["ok"]) == (69, False)
    assert figures(said.json())["cross margin_level"]["result"] == "unavailable"


async def test_disabled_pair_is_a_row_and_nothing_compared_is_no_agreement(tmp_path: Path) -> None:
    disabled = {"BTCUSDT": PairSpec(enabled=False)}
    for isolated, why in (
        (disabled, "the pair is disabled"),
        ({}, "the exchange lists no such pair of the account"),
    ):
        owner = replace(ACCOUNT, isolated=isolated)
        async with sandbox(starting_now(replace(calm_scenario(), accounts=(owner,)))) as running:
            config = write_config(tmp_path, running.ready)
            only = 'cross = false\nisolated = ["BTCUSDT"]\napi_key ='
            config.write_text(config.read_text().replace("api_key =", only, 1))
            said = await asyncio.to_thread(margin_monitor, config, "compare", "--json")
            shown = await asyncio.to_thread(margin_monitor, config, "compare")
        assert figures(said.json())["BTCUSDT margin_level"]["why"] == why
        if not isolated:
            assert (said.code, said.json()["ok"], said.json()["same"]) == (1, False, 0)
            assert "nothing was compared" in shown.out and "no figure differs" not in shown.out


async def test_bundle_has_no_name_secret_or_amount_and_keeps_the_ratios(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    order = exchange.sandbox.user_actions.place("annas-margin", "BTCUSDT", "BUY", D(50000), D("0.001"))
    path = tmp_path / "bundle.zip"
    said = await compare(tmp_path, exchange, "--bundle", str(path))
    assert said.code == 0, said.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    (account,) = exchange.ready.accounts
    charges = [str(charge.tran_id) for one in exchange.sandbox.venue.accounts.values() for charge in one.interest]
    secret_texts = [
        account["api_key"], account["api_secret"], "annas-margin", "987654321", str(order), str(tmp_path),
        exchange.ready.rest_url, *AMOUNTS, *charges,
    ]  # fmt: skip
    everything = "\n".join(files.values())
    assert charges
    assert [text for text in secret_texts if text in everything] == []
    # Not even their digits, in another notation.
    digits = re.sub(r"[^0-9]+", " ", everything.replace(".", ""))
    assert [amount for amount in AMOUNTS if amount.replace(".", "").lstrip("0") in digits.split()] == []
    compared = figures(json.loads(files["compare.json"]))
    true = figures((await compare(tmp_path, exchange, "--json")).json())
    assert compared["cross margin_level"]["exchange"] == true["cross margin_level"]["exchange"]
    for name in ("ours", "exchange"):
        masked = D(compared["cross liabilities_btc"][name]) / D(compared["cross assets_btc"][name])
        plain = D(true["cross liabilities_btc"][name]) / D(true["cross assets_btc"][name])
        assert abs(masked - plain) < D("0.01")
    # What rounding allows would show the size of an account.
    assert {item["allowed"] for item in compared.values()} == {None}
    assert {"README.txt", "versions.json", "config.json"} <= files.keys()
    answer = json.loads(files["answers/account-1-01.json"])
    assert answer["endpoint"] == "GET /sapi/v1/margin/account"
    assert answer["answer"]["marginLevel"] == true["cross margin_level"]["exchange"].ljust(10, "0")
    again = await compare(tmp_path, exchange, "--bundle", str(path))
    assert (again.code, "is already there" in again.err) == (1, True)
