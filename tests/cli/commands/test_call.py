"""`call`: any function by its name; stdout is the exchange's answer, and changes need a yes and leave a record."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.cli.commands.call import exchange_spelling
from monitor.core.model.account import CROSS
from monitor.core.model.intent import IntentState
from monitor.core.model.order import ManualCall
from monitor.exchange.binance.api.catalogue import FUNCTIONS
from monitor.records.intents import IntentRow
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, ApiInterpretations, PairSpec, Scenario, initial_balance
from monitor.store.command_store import CommandStore, ReadStore
from monitor.store.db.schema_migration import upgrade
from monitor.store.readers.intents import read_intents
from monitor.store.writes import commands
from tests.support.command import CommandOutput, margin_monitor
from tests.support.sandbox import RunningSandbox, sandbox

BORROW_REPAY = "/sapi/v1/margin/borrow-repay"
TRANSFER = "/sapi/v1/asset/transfer"


@dataclass(frozen=True, slots=True)
class CallHarness:
    """A sandbox, a config for it, and the command as a person runs it."""

    running: RunningSandbox
    config: Path

    async def call(self, *words: str) -> CommandOutput:
        return await asyncio.to_thread(margin_monitor, self.config, "call", *words)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.config.parent}/monitor.db"

    def received_requests(self, method: str, path: str) -> list[dict[str, str]]:
        """The parameters of every request of that kind."""
        return [
            request.params
            for request in self.running.sandbox.requests
            if (request.method, request.path) == (method, path)
        ]

    def intents(self) -> tuple[IntentRow, ...]:
        with ReadStore.open(self.url) as store:
            return store.read(read_intents, include_final=True)


@contextlib.asynccontextmanager
async def call_harness(
    folder: Path, scenario: Scenario | None = None, *, faults: Sequence[Fault] = (), database: bool = False
) -> AsyncIterator[CallHarness]:
    present = replace(scenario or calm_scenario(), start=datetime.now(UTC))
    async with sandbox(present, faults=faults) as running:
        key = running.ready.accounts[0]
        config = folder / "config.toml"
        config.write_text(
            f'[storage]\nurl = "sqlite:///{folder}/monitor.db"\n[exchange]\nrest_url = "{running.ready.rest_url}"\n'
            f'[[accounts]]\nname = "main"\napi_key = "{key["api_key"]}"\napi_secret = "{key["api_secret"]}"\n'
        )
        config.chmod(0o600)
        made = CallHarness(running, config)
        if database:
            await asyncio.to_thread(upgrade, made.url)
        yield made


async def test_a_read_prints_the_answer_and_nothing_else(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as d:
        said = await d.call("get_max_margin_loan", "asset=USDT")
        assert (said.code, said.err) == (0, "")
        assert set(said.json()) == {"amount", "borrowLimit"}
        assert said.out.startswith('{\n  "amount": "')
        other = await d.call("margin_max_borrowable", "isolated_symbol=BTCUSDT", "--account", "main", "asset=USDT")
        assert other.code == 0
        assert d.received_requests("GET", "/sapi/v1/margin/maxBorrowable")[-1]["isolatedSymbol"] == "BTCUSDT"


async def test_long_numbers_keep_every_digit(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as d:
        said = await d.call("get_margin_symbol", "symbol=BTCUSDT")
    (pair,) = said.json()
    assert f'"id": {pair["id"]}' in said.out
    assert pair["id"] > 2**53


async def test_old_parameters_and_any_case_of_yes_and_no_are_understood(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as d:
        said = await d.call("get_margin_interest_history", "limit=3", "asset=USDT")
        assert said.code == 0
        assert d.received_requests("GET", "/sapi/v1/margin/interestHistory")[-1]["size"] == "3"
        said = await d.call("get_open_margin_orders", "isIsolated=true", "symbol=BTCUSDT")
        assert (said.code, said.json()) == (0, [])
        assert d.received_requests("GET", "/sapi/v1/margin/openOrders")[-1]["isIsolated"] == "TRUE"


async def test_listen_keys_of_old_are_tokens_now(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as d:
        first = await d.call("margin_stream_get_listen_key", "symbol=BTCUSDT")
        assert set(first.json()) == {"token", "expirationTime"}
        assert d.received_requests("POST", "/sapi/v1/userListenToken")[-1]["isIsolated"] == "true"
        second = await d.call("margin_stream_keepalive", "listenKey=old")
        assert second.json()["token"] != first.json()["token"]
        asked = len(d.running.sandbox.requests)
        closed = await d.call("margin_stream_close", "listenKey=old")
        assert (closed.code, closed.out, len(d.running.sandbox.requests)) == (0, "{}\n", asked)
        assert "tokens expire by themselves" in closed.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["get_margin_acount"], 'unknown function "get_margin_acount"; did you mean "get_margin_account"?'),
        (
            ["get_max_margin_loan", "aset=USDT"],
            'get_max_margin_loan has no parameter "aset"; did you mean "asset"? it takes asset, isolatedSymbol',
        ),
        (["get_margin_account", "asset=USDT"], 'get_margin_account has no parameter "asset"; it takes none'),
        (["get_max_margin_loan"], "get_max_margin_loan needs asset; give each as key=value"),
        (["get_max_margin_loan", "USDT"], '"USDT" is no key=value; give it as key=value'),
        (["get_max_margin_loan", "asset="], '"asset=" is no key=value; give it as key=value'),
        (["get_open_margin_orders", "isIsolated=yes"], 'isIsolated can\'t be "yes"; TRUE or FALSE'),
        (
            ["repay_margin_loan", "asset=USDT", "amount=1"],
            "repay_margin_loan changes the account: nothing was sent; add --yes to do it",
        ),
        (
            ["repay_margin_loan", "asset=USDT", "amount=much", "--yes"],
            "repay_margin_loan: amount=much is no amount; nothing was sent",
        ),
        (
            ["repay_margin_loan", "asset=USDT", "amount=1", "isIsolated=false", "symbol=BTCUSDT", "--yes"],
            "isIsolated=FALSE contradicts symbol=BTCUSDT; symbol is of isolated margin alone",
        ),
    ],
)
def test_impossible_call_is_one_line_and_exit_2(tmp_path: Path, words: list[str], line: str) -> None:
    said = margin_monitor(tmp_path / "none.toml", "call", *words)
    assert (said.code, said.out, said.err) == (2, "", f"{line}\n")


async def test_a_refusal_of_the_exchange_is_one_line_with_code_and_text(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as d:
        said = await d.call("get_margin_price_index", "symbol=NOSUCH", "--json")
    assert said.code == 1
    assert said.err.count("\n") == 1
    document = said.json()["error"]
    assert document["exchange"]["code"] < 0
    assert str(document["exchange"]["code"]) in said.err
    assert document["exchange"]["msg"] in said.err


async def test_no_change_without_confirmation(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as d:
        said = await d.call("transfer_spot_to_margin", "asset=USDT", "amount=10")
        assert (said.code, said.out) == (2, "")
        assert d.running.sandbox.requests == []


async def test_manual_repayment_is_an_intent_and_confirmed(tmp_path: Path) -> None:
    async with call_harness(tmp_path, database=True) as d:
        said = await d.call("repay_margin_loan", "asset=USDT", "amount=100.5", "--yes")
        assert said.code == 0, said.err
        assert set(said.json()) == {"tranId"}
        assert "repay_margin_loan of account main: asset=USDT amount=100.5 isIsolated=FALSE type=REPAY" in said.err
        (row,) = d.intents()
        assert len(d.received_requests("POST", BORROW_REPAY)) == 1
    intent = row.intent
    assert (intent.mode, intent.kind, intent.state) == ("manual", "repay", IntentState.CONFIRMED)
    assert (intent.amount, intent.amount_usdt) == (Decimal("100.5"), Decimal("100.5"))
    assert intent.ref == str(said.json()["tranId"])
    assert intent.owed_before == Decimal(30000)


async def test_an_amount_with_an_exponent_is_sent_as_a_plain_decimal(tmp_path: Path) -> None:
    async with call_harness(tmp_path, database=True) as d:
        said = await d.call("repay_margin_loan", "asset=USDT", "amount=1.005E+2", "--yes")
        assert said.code == 0, said.err
        (sent,) = d.received_requests("POST", BORROW_REPAY)
        (row,) = d.intents()
    assert sent["amount"] == "100.5"
    assert row.intent.amount == Decimal("100.5")


@pytest.mark.parametrize(("typed", "sent"), [("1E-8", "0.00000001"), ("1e2", "100"), (".50", "0.5"), ("7", "7")])
def test_every_amount_of_every_function_is_spelled_without_exponent(typed: str, sent: str) -> None:
    amounts = {(name, one.name) for name, each in FUNCTIONS.items() for one in each.parameters if one.is_amount}
    assert {("repay_margin_loan", "amount"), ("create_margin_order", "stopPrice")} <= amounts
    for function, name in amounts:
        found = FUNCTIONS[function]
        parameter = found.find_parameter(name)
        assert parameter is not None
        assert exchange_spelling(found, parameter, typed) == sent


@pytest.mark.slow
async def test_every_other_change_is_an_intent_too(tmp_path: Path) -> None:
    async with call_harness(tmp_path, database=True) as d:
        done = await d.call("create_margin_loan", "asset=USDT", "amount=5", "--yes")
        refused = await d.call("create_margin_loan", "asset=USDT", "amount=1000000000", "--yes")
        burn = await d.call("set_bnb_burn", "interestBNBBurn=false", "--yes")
        order = await d.call(
            "create_margin_order", "symbol=BTCUSDT", "side=SELL", "type=MARKET", "quantity=0.001", "--yes"
        )
        assert (done.code, refused.code, burn.code, order.code) == (0, 1, 0, 0), order.err
        rows = [row.intent for row in d.intents()]
        shown = await asyncio.to_thread(margin_monitor, d.config, "actions", "show", str(rows[0].id), "--json")
    by_action = {(row.action, row.state): row for row in rows}
    assert {(row.mode, row.account) for row in rows} == {("manual", "main")}
    loan = by_action["create_margin_loan", IntentState.CONFIRMED]
    assert loan.order == ManualCall("create_margin_loan", CROSS, "USDT", Decimal(5))
    assert (loan.kind, loan.amount_usdt, loan.ref) == ("borrow", Decimal(5), str(done.json()["tranId"]))
    assert by_action["create_margin_loan", IntentState.REFUSED].refused_code == -3006
    setting = by_action["set_bnb_burn", IntentState.CONFIRMED]
    assert (setting.kind, setting.asset, setting.amount) == ("setting", "", Decimal(0))
    sold = by_action["create_margin_order", IntentState.CONFIRMED]
    assert (sold.kind, sold.asset, sold.amount) == ("order", "BTCUSDT", Decimal("0.001"))
    assert sold.reason is not None
    assert "quantity=0.001" in sold.reason
    assert sold.amount_usdt > 0
    assert [step["state"] for step in shown.json()["steps"]][:2] == ["PLANNED", "SUBMITTING"]


@pytest.mark.slow
async def test_order_with_a_lost_answer_becomes_unresolved(tmp_path: Path) -> None:
    order = ["create_margin_order", "symbol=BTCUSDT", "side=SELL", "type=MARKET", "quantity=0.001", "--yes"]
    cut = Fault(what="cut_after", method="POST", path="/sapi/v1/margin/order", count=1)
    async with call_harness(tmp_path, faults=[cut], database=True) as d:
        lost = await d.call(*order)
        assert (lost.code, "is not known" in lost.err) == (1, True)
        (row,) = d.intents()
        assert row.intent.state is IntentState.UNRESOLVED
        assert f"actions resolve {row.intent.id} --as confirmed|failed" in lost.err
        again = await d.call(*order)
        assert (again.code, "under way" in again.err) == (1, True)
        assert len(d.received_requests("POST", "/sapi/v1/margin/order")) == 1
        said = ("resolve", str(row.intent.id), "--as", "confirmed", "--comment", "seen in the history")
        assert (await asyncio.to_thread(margin_monitor, d.config, "actions", *said)).code == 0
        assert (await d.call(*order)).code == 0


async def test_nothing_is_sent_while_actions_are_paused(tmp_path: Path) -> None:
    async with call_harness(tmp_path, database=True) as d:
        with CommandStore.open(d.url) as store:
            store.execute(commands.set_paused, True, "test", datetime.now(UTC))
        for words in (["repay_margin_loan", "asset=USDT", "amount=1"], ["set_bnb_burn", "spotBNBBurn=true"]):
            said = await d.call(*words, "--yes")
            assert (said.code, said.out) == (1, "")
            assert "actions are paused" in said.err
        assert [request for request in d.running.sandbox.requests if request.method == "POST"] == []
        assert d.intents() == ()


async def test_an_unknown_outcome_blocks_the_next_of_its_kind(tmp_path: Path) -> None:
    cut = Fault(what="cut_before", method="POST", path=BORROW_REPAY, count=1)
    async with call_harness(tmp_path, faults=[cut], database=True) as d:
        first = await d.call("repay_margin_loan", "asset=USDT", "amount=7", "--yes")
        assert first.code == 1
        assert "whether it was done is not known" in first.err
        second = await d.call("repay_margin_loan", "asset=USDT", "amount=8", "--yes")
        assert (second.code, len(d.received_requests("POST", BORROW_REPAY))) == (1, 1)
        assert "under way" in second.err
        other = await d.call("repay_margin_loan", "asset=USDT", "amount=9", "symbol=BTCUSDT", "--yes")
        assert other.code == 0, other.err


async def test_without_a_database_the_call_is_sent_with_a_warning(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as d:
        said = await d.call("transfer_spot_to_margin", "asset=USDT", "amount=10", "--yes")
        assert said.code == 0, said.err
        assert "there is no database: this is recorded nowhere" in said.err
        assert not (tmp_path / "monitor.db").exists()


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize(
    ("function", "hops"),
    [
        ("transfer_spot_to_isolated_margin", ["MAIN_MARGIN", "MARGIN_ISOLATEDMARGIN"]),
        ("transfer_isolated_margin_to_spot", ["ISOLATEDMARGIN_MARGIN", "MARGIN_MAIN"]),
    ],
)
async def test_pair_is_reached_through_cross_without_a_direct_route(
    tmp_path: Path, function: str, hops: list[str], direct: bool
) -> None:
    free = AccountSpec(
        spot={"USDT": Decimal(50)},
        cross={"USDT": initial_balance("100")},
        isolated={"BTCUSDT": PairSpec(quote=initial_balance("100"))},
    )
    scenario = replace(calm_scenario(), accounts=(free,), readings=ApiInterpretations(direct_isolated_transfer=direct))
    async with call_harness(tmp_path, scenario, database=True) as d:
        said = await d.call(function, "asset=USDT", "symbol=BTCUSDT", "amount=11", "--yes")
        assert said.code == 0, said.err
        kinds = [one["type"] for one in d.received_requests("POST", TRANSFER)]
        assert kinds[1:] == ([] if direct else hops)


async def test_half_completed_transfer_names_where_the_money_is(tmp_path: Path) -> None:
    second = Fault(
        what="status", method="POST", path=TRANSFER, params={"type": "MARGIN_ISOLATEDMARGIN"}, status=400, code=-3020
    )
    async with call_harness(tmp_path, faults=[second], database=True) as d:
        words = ("asset=USDT", "symbol=BTCUSDT", "amount=11", "--yes")
        said = await d.call("transfer_spot_to_isolated_margin", *words)
        first = d.intents()[-2].intent
    assert (said.code, said.out) == (1, "")
    assert f"11 USDT are in cross margin: transfer {first.ref} was made, the second did not take them" in said.err
    assert "code -3020" in said.err.splitlines()[-1]


async def test_a_ban_holds_for_the_next_command_too(tmp_path: Path) -> None:
    ban = Fault(what="ban", path="/sapi/v1/margin/maxTransferable", seconds=600, count=1)
    async with call_harness(tmp_path, faults=[ban], database=True) as d:
        assert (await d.call("get_max_margin_transfer", "asset=USDT")).code == 69
        asked = len(d.running.sandbox.requests)
        said = await d.call("get_system_status")
        assert (said.code, len(d.running.sandbox.requests)) == (69, asked)
        assert "held back until" in said.err


async def test_the_key_itself_is_printed_nowhere(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as d:
        secrets = d.running.ready.accounts[0]
        for words in (["get_margin_account"], ["repay_margin_loan", "asset=XXX", "amount=1", "--yes"]):
            said = await d.call(*words, "--json", "--log-level=debug")
            assert secrets["api_key"] not in said.out + said.err
            assert secrets["api_secret"] not in said.out + said.err
