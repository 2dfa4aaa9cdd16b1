"""Every failing read, in every way: a price crash is still reported to people, and no known figure is lost.

Every read by its name, with the requests that it is made of: each fails from the start, or from the middle on, in an
account of its own, while the price that all of them hang on falls to the margin calls.
"""

import ast
import asyncio
import contextlib
import importlib
import json
import pkgutil
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor import runtime
from monitor.core.state.account_state import AccountState
from monitor.exchange import binance
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.endpoint_function import EndpointFunction
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, InitialBalance, PairSpec, Scenario, hmac_key
from monitor.sandbox.server import SandboxInfo
from monitor.view.documents.account import account_document
from tests.laws.syntax_trees import parse
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import HttpSink, http_sink

D = Decimal

READS: Mapping[str, tuple[str, ...]] = {
    "cross": ("/sapi/v1/margin/account",),
    "isolated": ("/sapi/v1/margin/isolated/account",),
    "bars": ("/sapi/v1/margin/tradeCoeff",),
    "tiers": ("/sapi/v1/margin/isolatedMarginTier",),
    "interest": ("/sapi/v1/margin/interestHistory",),
    "interest_rates": (
        "/sapi/v1/margin/next-hourly-interest-rate",
        "/sapi/v1/margin/interestRateHistory",
        "/sapi/v1/margin/crossMarginData",
    ),
    "liquidations": ("/sapi/v1/margin/forceLiquidationRec",),
    "liquidation_loan": ("/sapi/v1/margin/liquidation-loan",),
    "spot": ("/sapi/v3/asset/getUserAsset",),
    "funding": ("/sapi/v1/asset/get-funding-asset",),
    "key": ("/sapi/v1/account/apiRestrictions", "/api/v3/account"),
    "action_key": ("/sapi/v1/account/apiRestrictions", "/api/v3/account"),
    "capital_flow": ("/sapi/v1/margin/capital-flow", "/sapi/v1/margin/borrow-repay"),
    "transfers": ("/sapi/v1/margin/transfer", "/sapi/v1/asset/transfer"),
    "orders": ("/sapi/v1/margin/openOrders",),
    "listen_token": ("/sapi/v1/userListenToken",),
    "listen_key": ("/sapi/v1/margin/listen-key",),
}
"""Requests of each read about an account, under its own key."""

SHARED: Mapping[str, tuple[str, ...]] = {
    "prices": ("/api/v3/ticker/price",),
    "clock": ("/api/v3/time",),
    "markets": ("/api/v3/exchangeInfo",),
    "past_prices": ("/api/v3/klines",),
    "reference_data": (
        "/sapi/v1/margin/delist-schedule",
        "/sapi/v1/margin/restricted-asset",
        "/sapi/v1/margin/crossMarginCollateralRatio",
        "/sapi/v1/margin/allAssets",
        "/sapi/v1/spot/asset/tags",
    ),
    "index": ("/sapi/v1/margin/priceIndex",),
    "symbols": ("/sapi/v1/margin/allPairs", "/sapi/v1/margin/isolated/allPairs"),
}
"""Requests of the reads about the market, which one account makes for all: they fail for all accounts."""

ORDER_READS = {"/sapi/v1/margin/order", "/sapi/v1/margin/myTrades"}
"""Requests made only after an order was sent: tests of settlement fail these."""

COMMAND_READS = {"/sapi/v1/margin/maxTransferable"}
"""Requests made by the command `compare` alone."""

KINDS: Mapping[str, Fault] = {
    "400": Fault("status", status=400, code=-1000, count=0),
    "503": Fault("status", status=503, body="<html>busy</html>", count=0),
    "hang": Fault("hang", count=0),
    "403": Fault("status", status=403, body="<html>no</html>", count=0),
    "garbage": Fault("malformed", form="html", count=0),
}

BLINDNESS = {"blind", "very-blind", "conditions-unknown"}
WITHIN_S = 30
"""Seconds of the exchange from the crash until a message must have arrived."""

SCHEDULE = {"cross": "60s", "isolated": "60s"}
CRASHED = D(37_500)
"""(1.5 × 37,500 + 20,000) ÷ 60,000 = 1.27, and (0.5 × 37,500 + 500) ÷ 17,500 = 1.1: two margin calls."""


def account_of(name: str) -> AccountSpec:
    keys = (hmac_key(name), hmac_key(f"{name}-acting"))
    (pattern,) = calm_scenario().accounts
    return replace(
        pattern,
        name=name,
        keys=keys if name == "action_key" else keys[:1],
        cross={**pattern.cross, "BTC": InitialBalance(free=D("1.4"), locked=D("0.1"))},
        isolated={"BTCUSDT": PairSpec(InitialBalance(free=D("0.5")), InitialBalance(free=D(500), borrowed=D(17_500)))},
    )


def faults_of(reads: Iterable[str], kind: str) -> list[Fault]:
    paths = [(read if read in READS else "", path) for read in reads for path in {**READS, **SHARED}[read]]
    return [replace(KINDS[kind], path=path, account=account) for account, path in paths]


@dataclass(frozen=True, slots=True)
class FailingReadsScenario:
    """A daemon that watches an account for each of some reads, an exchange, and a channel."""

    box: RunningSandbox
    here: InProcessDaemon
    phone: HttpSink
    accounts: tuple[str, ...]

    def fail(self, reads: Iterable[str], kind: str) -> None:
        for fault in faults_of(reads, kind):
            self.box.sandbox.add_fault(fault)

    def request_all_reads(self) -> None:
        for watch in self.here.daemon._supervisor.services.values():
            names = frozenset(watch._reads.by_name())
            watch.on_step(watch.runner.state, names, {}, False)

    def notified_rules(self) -> dict[str, set[tuple[str, str]]]:
        """Return by account the rules and scopes whose firing was sent to a channel."""
        found: dict[str, set[tuple[str, str]]] = {account: set() for account in self.accounts}
        for request in list(self.phone.received):
            message = request.json()
            for told in message.get("alerts", [message]):
                if told.get("state") == "firing" and told.get("account") in found:
                    found[told["account"]].add((told["rule"], told["scope"]))
        return found

    def unreported_scopes(self) -> list[str]:
        """Return the scopes in danger without any message, neither about the level nor about what can't be measured."""
        return [
            f"{account} {scope}"
            for account, told in self.notified_rules().items()
            for scope in ("cross", "isolated")
            if not any(there == scope or rule in BLINDNESS for rule, there in told)
        ]

    def known_figures(self) -> dict[str, set[str]]:
        """Return by account the levels and thresholds in the status document, as far as they are known."""
        found: dict[str, set[str]] = {}
        for account in self.accounts:
            state, settings = self.here.state(account), self.here.daemon.settings(account)
            document = account_document(state, settings, self.here.clock.now(), "0")
            scopes = {"cross": document["cross"], **{row["symbol"]: row for row in document["isolated"]}}
            found[account] = {
                f"{name}.{key}"
                for name, row in scopes.items()
                for key, value in row.items()
                if value not in (None, []) and ("level" in key or key in ("balances", "base", "quote", "index_price"))
            }
        return found

    def levels(self) -> dict[str, Decimal]:
        """Return the levels of the first account in the status document, by scope."""
        state, settings = self.here.state(self.accounts[0]), self.here.daemon.settings(self.accounts[0])
        document = account_document(state, settings, self.here.clock.now(), "0")
        rows = {"cross": document["cross"], **{row["symbol"]: row for row in document["isolated"]}}
        return {scope: D(str(row["margin_level"])) for scope, row in rows.items()}

    def untried_reads(self, shared: str) -> list[str]:
        """Return the accounts whose read was never made, and so never failed."""
        asked = {(record.account, record.path) for record in self.box.sandbox.requests}
        if shared:
            return [] if any(path in SHARED[shared] for _, path in asked) else [shared]
        return [account for account in self.accounts if not any((account, path) in asked for path in READS[account])]

    async def crash_prices(self) -> None:
        """Let the price fall, and wait until every account's message has arrived."""
        self.box.sandbox.user_actions.set_price("BTCUSDT", CRASHED)
        fell_at = self.here.clock.now()

        async def is_heard() -> bool:
            late = (self.here.clock.now() - fell_at).total_seconds() > WITHIN_S
            assert not late, f"nobody heard within {WITHIN_S} s of {', '.join(self.unreported_scopes())}"
            return not self.unreported_scopes()

        await eventually(is_heard, 4 * WITHIN_S)


@contextlib.asynccontextmanager
async def stage(
    folder: Path, template: Path | None, accounts: Iterable[str], faults: Iterable[Fault] = ()
) -> AsyncIterator[FailingReadsScenario]:
    """Start a daemon in `folder`, with a database made of the template; None: with the existing one."""
    names = tuple(accounts)
    if template is not None:
        await asyncio.to_thread(_prepare, folder, template)
    scenario: Scenario = replace(calm_scenario(), accounts=tuple(map(account_of, names)))
    with http_sink() as phone:
        async with sandbox(scenario, faults=tuple(faults)) as box:
            config = config_of(folder, box.ready, names, phone)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                yield FailingReadsScenario(box, here, phone, names)
                # Twenty accounts in one loop end slowly where others need the processor.
                here.daemon.stop()
                await asyncio.wait({here.task}, timeout=60)


def _prepare(folder: Path, template: Path) -> None:
    folder.mkdir(exist_ok=True)
    shutil.copy(template, folder / "monitor.db")


def config_of(folder: Path, ready: SandboxInfo, names: Iterable[str], phone: HttpSink) -> Path:
    first = [next(account for account in ready.accounts if account["name"] == name) for name in names]
    config = write_config(
        folder,
        replace(ready, accounts=tuple(first)),
        channels={"phone": f"{phone.url}/hook"},
        schedule=SCHEDULE,
    )
    # One loop serves all of this: slowness for want of a processor is no fault.
    text = config.read_text().replace('request_timeout = "1s"', 'request_timeout = "4s"')
    acting = hmac_key("action_key-acting")
    own = f'action_api_key = "{acting.api_key}"\naction_api_secret = "{acting.api_secret}"'
    config.write_text(text.replace('name = "action_key"\n', f'name = "action_key"\n{own}\n'))
    return config


def is_watching(stage: FailingReadsScenario) -> bool:
    """Return whether the market streams of all accounts are connected."""
    states = stage.here.daemon.account_states()
    return len(states) == len(stage.accounts) and all(
        state.streams.get("market") is not None and state.streams["market"].connected for state in states.values()
    )


def knows_all(stage: FailingReadsScenario) -> bool:
    return is_watching(stage) and all(
        state.cross and state.isolated and state.thresholds.cross and state.thresholds.tiers and state.prices.newest
        for state in stage.here.daemon.account_states().values()
    )


async def play(folder: Path, template: Path, accounts: tuple[str, ...], when: str, kind: str, shared: str = "") -> None:
    """Run one daemon through the crash, while a read of each account fails."""
    failing = (shared,) if shared else accounts
    async with stage(folder, template, accounts, faults_of(failing, kind) if when == "start" else ()) as it:
        before: dict[str, set[str]] = {}

        async def is_ready() -> bool:
            return is_watching(it) if when == "start" else knows_all(it)

        await eventually(is_ready, 60, given_up=it.here.task.done)
        if when == "middle":
            it.fail(failing, kind)
        it.request_all_reads()

        async def is_met() -> bool:
            return not it.untried_reads(shared)

        await eventually(is_met, 60, story=lambda: f"never asked: {it.untried_reads(shared)}")
        before = it.known_figures()
        await it.crash_prices()
        after = it.known_figures()
        forgotten = {account: sorted(known - after[account]) for account, known in before.items()}
        assert not any(forgotten.values()), forgotten


@pytest.mark.slow
@pytest.mark.parametrize("when", ["start", "middle"])
@pytest.mark.parametrize("kind", KINDS)
async def test_crash_is_notified_while_a_read_fails(
    when: str, kind: str, tmp_path: Path, sqlite_template: Path
) -> None:
    await play(tmp_path / "own", sqlite_template, tuple(READS), when, kind)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["start", "middle"])
@pytest.mark.parametrize("kind", KINDS)
async def test_crash_is_notified_while_a_read_about_the_market_fails(
    when: str, kind: str, tmp_path: Path, sqlite_template: Path
) -> None:
    played = (play(tmp_path / shared, sqlite_template, ("main",), when, kind, shared) for shared in SHARED)
    await asyncio.gather(*played)


@pytest.mark.parametrize(("when", "kind"), [("start", "400"), ("middle", "hang")])
async def test_unreadable_thresholds_silence_no_alert(
    when: str, kind: str, tmp_path: Path, sqlite_template: Path
) -> None:
    await play(tmp_path / "own", sqlite_template, ("bars", "tiers"), when, kind)


async def test_thresholds_of_an_earlier_run_hold_when_unreadable(tmp_path: Path, sqlite_template: Path) -> None:
    async with stage(tmp_path, sqlite_template, ("bars", "tiers")) as it:

        async def is_known() -> bool:
            return knows_all(it)

        await eventually(is_known, 60)
        read = {
            name: (it.here.state(name).thresholds.cross, it.here.state(name).thresholds.tiers) for name in it.accounts
        }
    async with stage(tmp_path, None, ("bars", "tiers"), faults_of(("bars", "tiers"), "503")) as it:

        async def is_there() -> bool:
            return is_watching(it)

        await eventually(is_there, 60)
        assert {
            name: (it.here.state(name).thresholds.cross, it.here.state(name).thresholds.tiers) for name in it.accounts
        } == read
        await it.crash_prices()
        texts = [request.json()["text"] for request in it.phone.received]
        assert any("as read in an earlier run, not since the start" in text for text in texts), texts


async def test_answers_of_before_a_crash_that_come_after_it_hide_nothing(tmp_path: Path, sqlite_template: Path) -> None:
    paths = (*READS["cross"], *READS["isolated"])
    async with stage(tmp_path / "own", sqlite_template, ("main",)) as it:

        async def is_known() -> bool:
            return knows_all(it)

        await eventually(is_known, 60)
        for path in paths:
            it.box.sandbox.add_fault(Fault("delay", path=path, count=0, seconds=60))
        earlier = len(it.box.sandbox.requests)
        it.request_all_reads()

        async def is_answered_late() -> bool:
            return {request.path for request in it.box.sandbox.requests[earlier:]} >= set(paths)

        await eventually(is_answered_late, 60)
        await it.crash_prices()
        read_at = {it.here.state().cross.received_at, it.here.state().isolated.received_at}  # type: ignore[union-attr]
        it.box.sandbox.clear_faults()

        def has_answers(state: AccountState) -> bool:
            assert state.cross is not None
            assert state.isolated is not None
            return not read_at & {state.cross.received_at, state.isolated.received_at}

        await it.here.wait_for_state(has_answers)
        levels = it.levels()
        assert levels["cross"] < D("1.28"), levels
        assert levels["BTCUSDT"] < D("1.11"), levels


def test_every_read_in_the_code_is_covered() -> None:
    calls = (
        node
        for path in sorted(Path(runtime.__file__).parent.rglob("*.py"))
        for node in ast.walk(parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].strip("_") == "run_guarded"
    )
    named = {ast.literal_eval(call.args[0]) for call in calls if isinstance(call.args[0], ast.Constant)}
    assert "cross" in named
    assert named <= {*READS, *SHARED}


def test_every_client_request_is_covered() -> None:
    paths: set[str] = set()
    for module in pkgutil.walk_packages(binance.__path__, f"{binance.__name__}."):
        # These modules declare every function of the exchange: those in use are imported elsewhere.
        if ".api." in module.name and not module.name.endswith(".transport"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            endpoint = value.endpoint if isinstance(value, EndpointFunction) else value
            if isinstance(endpoint, Endpoint):
                paths.add(endpoint.path)
    assert "/sapi/v1/margin/account" in paths
    listed = {path for rows in (READS, SHARED) for row in rows.values() for path in row}
    others = ORDER_READS | COMMAND_READS
    assert paths <= listed | others, sorted(paths - listed - others)


async def test_every_daemon_read_is_covered(tmp_path: Path, sqlite_template: Path) -> None:
    async with stage(tmp_path, sqlite_template, ("action_key",)) as it:
        await it.here.wait_for_state(lambda state: state.cross, account="action_key")
        (watch,) = it.here.daemon._supervisor.services.values()
        assert set(watch._reads.by_name()) <= {*READS, *SHARED}
        # No request goes to an address without a row.
        it.request_all_reads()
        await it.here.wait_for_state(
            lambda state: state.thresholds.cross and state.thresholds.tiers and state.prices.newest,
            account="action_key",
        )
        listed = {path for paths in ({**READS, **SHARED}).values() for path in paths}
        asked: set[Any] = {record.path for record in it.box.sandbox.requests}
        assert asked <= listed, json.dumps(sorted(asked - listed))
