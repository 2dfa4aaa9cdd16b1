"""An account, or an action, taken out of the configuration by a reload while its order is under way."""

import asyncio
import signal
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.app.database import open_commands
from monitor.cli.daemon.daemon_supervisor import DaemonSupervisor
from monitor.config.model import Config
from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import Movement
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiInterpretations, Scenario
from monitor.store.command_store import ReadStore
from monitor.store.readers.intents import read_intents
from monitor.store.writes.movements import write_movements
from tests.support.command import margin_monitor
from tests.support.daemon import clock_of, daemon_process, eventually, in_process_run, starting_now, write_config
from tests.support.money_actions import REPAY_PATH, money_requests, repay_config
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import HttpSink, http_sink

pytestmark = pytest.mark.timeout(600)
S = IntentState
LAG_S = 40
"""So long the exchange's histories don't show what was done, and so late an order is carried out."""

WAIT_LIMIT_S = 90.0
"""Machine seconds, of which a busy machine needs many."""

CUT_AFTER = Fault("cut_after", method="POST", path=REPAY_PATH)
APPLIED_LATE = Fault("apply_late", method="POST", path=REPAY_PATH, seconds=LAG_S)
NEVER_DONE = Fault("cut_before", method="POST", path=REPAY_PATH)


def two_accounts(lag_s: int = LAG_S) -> Scenario:
    """Accounts "main", which acts, and "other", which is only watched."""
    [main] = calm_scenario().accounts
    return replace(
        calm_scenario(), accounts=(main, replace(main, name="other")), readings=ApiInterpretations(history_lag_s=lag_s)
    )


def action_config(settle: str = "60s") -> str:
    """The tables of an action of "main" alone."""
    tables = repay_config(unresolved_after="20m").replace('settle = "5s"', f'settle = "{settle}"')
    tables = tables.replace('name = "acts"', 'name = "acts"\naccounts = ["main"]')
    return tables.replace('name = "repay-idle"', 'name = "repay-idle"\nmax_data_age = "2m"')


def configure(
    folder: Path,
    box: RunningSandbox,
    url: str,
    sink: HttpSink,
    *,
    more: str = "",
    accounts: tuple[str, ...] = ("main", "other"),
) -> Path:
    """Write the configuration with these accounts; the secret of "main" lies in a file of its own."""
    kept = tuple(account for account in box.ready.accounts if account["name"] in accounts)
    config = write_config(folder, replace(box.ready, accounts=kept), url=url, channels={"phone": sink.url}, more=more)
    secret = folder / "secret"
    secret.write_text(box.ready.accounts[0]["api_secret"])
    secret.chmod(0o600)
    text = config.read_text().replace(f'"{box.ready.accounts[0]["api_secret"]}"', '"file:secret"')
    # Exchange and daemon share one loop: on a busy machine an answer, and a figure, takes its time.
    config.write_text(text.replace('request_timeout = "1s"', 'request_timeout = "30s"'))
    return config


def orders(url: str) -> list[Intent]:
    with ReadStore.open(url) as store:
        return [row.intent for row in store.read(read_intents, include_final=True)]


async def wait_for_state(url: str, state: IntentState, pushing: RunningSandbox | None = None) -> None:
    """Returns once the one order is in this state; the exchange's time is pushed on meanwhile where it is given."""

    async def is_there() -> bool:
        if pushing is not None:
            pushing.sandbox.timeline.advance(2)
            await asyncio.sleep(0.2)
        return [one.state for one in orders(url)] == [state]

    await eventually(is_there, WAIT_LIMIT_S, story=lambda: str(orders(url)))


async def wait_for_notice(sink: HttpSink, *words: str) -> str:
    """Return the severity of the first notice with all these words."""

    def found() -> list[str]:
        notices = [one.json() for one in list(sink.received)]
        return [str(notice["severity"]) for notice in notices if all(word in str(notice["text"]) for word in words)]

    async def is_there() -> bool:
        return bool(found())

    await eventually(is_there, WAIT_LIMIT_S, story=lambda: str([one.json()["text"] for one in sink.received]))
    return found()[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "lag_s"),
    [
        pytest.param(CUT_AFTER, LAG_S, id="cut_after"),
        pytest.param(APPLIED_LATE, 0, id="apply_late", marks=pytest.mark.slow),
    ],
)
async def test_intent_of_a_removed_account_is_observed_until_settled(
    tmp_path: Path, database_url: str, fault: Fault, lag_s: int
) -> None:
    with http_sink() as sink:
        async with sandbox(two_accounts(lag_s), faults=[fault]) as box:
            config = configure(tmp_path, box, database_url, sink, more=action_config())
            async with in_process_run(config, clock_of(box.sandbox)) as turn:
                await wait_for_state(database_url, S.UNCERTAIN)
                configure(tmp_path, box, database_url, sink, accounts=("other",))
                (tmp_path / "secret").unlink()
                turn.reload()
                assert await wait_for_notice(sink, "Account main", "R-1", "under way") == "warning"
                asked = len(box.sandbox.requests)
                await wait_for_state(database_url, S.CONFIRMED, pushing=box)
                assert await wait_for_notice(sink, "R-1): done") == "info"
                assert await wait_for_notice(sink, "Account main", "dropped") == "info"
                by_main = {one.path for one in box.sandbox.requests[asked:] if one.account == "main"}
                assert by_main, "its key was not used"
            assert len(money_requests(box.sandbox.requests)) == 1


async def test_removed_account_without_open_intents_is_dropped_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    with http_sink() as sink:
        async with sandbox(two_accounts()) as box:
            config = configure(tmp_path, box, url, sink)
            async with in_process_run(config, clock_of(box.sandbox)) as turn:
                await is_reading(box, "main")
                configure(tmp_path, box, url, sink, accounts=("other",))
                turn.reload()

                async def is_dropped() -> bool:
                    return turn.daemon is not None and list(turn.daemon.watched_accounts) == ["other"]

                await eventually(is_dropped, WAIT_LIMIT_S)
            assert not [one for one in sink.received if "main" in str(one.json()["text"])]


@pytest.mark.slow
async def test_unresolvable_intent_of_a_removed_account_is_resolved_by_a_person(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    with http_sink() as sink:
        async with sandbox(two_accounts(), faults=[NEVER_DONE]) as box:
            more = action_config().replace('unresolved_after = "20m"', 'unresolved_after = "60s"')
            config = configure(tmp_path, box, url, sink, more=more)
            async with in_process_run(config, clock_of(box.sandbox)) as turn:
                await wait_for_state(url, S.UNCERTAIN)
                box.sandbox.add_fault(Fault("status", path=REPAY_PATH, method="GET", status=503, count=0))
                configure(tmp_path, box, url, sink, accounts=("other",))
                turn.reload()
                await wait_for_notice(sink, "while R-1 is under way")
                await wait_for_state(url, S.UNRESOLVED, pushing=box)
                assert await wait_for_notice(sink, "actions resolve 1") == "critical"
                said = await asyncio.to_thread(
                    margin_monitor, config, "actions", "resolve", "1", "--as", "failed", "--comment", "not there"
                )
                assert said.code == 0, said
                await wait_for_state(url, S.FAILED)
            assert len(money_requests(box.sandbox.requests)) == 1


@pytest.mark.slow
async def test_equal_record_proves_no_unanswered_order_of_a_removed_account_where_others_acted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    with http_sink() as sink:
        async with sandbox(two_accounts(), faults=[NEVER_DONE]) as box:
            more = action_config().replace('unresolved_after = "20m"', 'unresolved_after = "60s"')
            config = configure(tmp_path, box, url, sink, more=more)
            async with in_process_run(config, clock_of(box.sandbox)) as turn:
                await wait_for_state(url, S.UNCERTAIN)
                [sent] = orders(url)
                await asyncio.to_thread(record_foreign_movement, turn.config, sent)
                configure(tmp_path, box, url, sink, accounts=("other",))
                turn.reload()
                await wait_for_notice(sink, "while R-1 is under way")
                box.sandbox.user_actions.repay("main", "USDT", sent.amount)
                await wait_for_state(url, S.UNRESOLVED, pushing=box)
                [asked] = orders(url)
                assert "it may be theirs" in str(asked.evidence)
            assert len(money_requests(box.sandbox.requests)) == 1


def record_foreign_movement(config: Config, beside: Intent) -> None:
    """Record what others moved shortly before the order, as the daemon does from the ledger."""
    at = beside.created_at - timedelta(seconds=30)
    moved = Movement(CROSS, "capital-flow", "1", at, at, "USDT", Decimal(9), "REPAY", "another hand", detail={"id": 1})
    store = open_commands(config)
    try:
        store.execute(write_movements, beside.account, (moved,))
    finally:
        store.close()


async def test_proposal_of_a_removed_account_expires_with_a_notice(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    with http_sink() as sink:
        async with sandbox(two_accounts()) as box:
            config = configure(
                tmp_path, box, url, sink, more=action_config().replace('mode = "live"', 'mode = "approve"')
            )
            async with in_process_run(config, clock_of(box.sandbox)) as turn:
                await wait_for_state(url, S.PROPOSED)
                configure(tmp_path, box, url, sink, accounts=("other",))
                turn.reload()
                await wait_for_state(url, S.EXPIRED)
                assert await wait_for_notice(sink, "R-1)", "configuration") == "warning"
            assert money_requests(box.sandbox.requests) == []


@pytest.mark.slow
async def test_intent_of_a_removed_action_is_observed_until_settled(tmp_path: Path, database_url: str) -> None:
    with http_sink() as sink:
        async with sandbox(two_accounts(), faults=[CUT_AFTER]) as box:
            config = configure(tmp_path, box, database_url, sink, more=action_config())
            async with in_process_run(config, clock_of(box.sandbox)) as turn:
                await wait_for_state(database_url, S.UNCERTAIN)
                configure(tmp_path, box, database_url, sink)
                turn.reload()
                await eventually(lambda: has_reloaded_without_actions(turn), WAIT_LIMIT_S)
                await wait_for_state(database_url, S.CONFIRMED, pushing=box)
                assert await wait_for_notice(sink, "R-1): done") == "info"
            assert len(money_requests(box.sandbox.requests)) == 1


@pytest.mark.slow
async def test_reload_by_signal_does_the_same(tmp_path: Path, database_url: str) -> None:
    scenario = starting_now(two_accounts(lag_s=15))
    with http_sink() as sink:
        async with sandbox(scenario, faults=[CUT_AFTER]) as box:
            config = configure(tmp_path, box, database_url, sink, more=action_config())
            async with daemon_process(config) as child:
                await wait_for_state(database_url, S.UNCERTAIN)
                configure(tmp_path, box, database_url, sink, accounts=("other",))
                child.send(signal.SIGHUP)
                await wait_for_notice(sink, " is under way")
                await wait_for_state(database_url, S.CONFIRMED)
                await wait_for_notice(sink, "it is dropped")
                assert await child.stop() == 0
            assert len(money_requests(box.sandbox.requests)) == 1


@pytest.mark.slow
async def test_intent_is_not_searched_in_another_exchange_account(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    with http_sink() as sink:
        async with sandbox(two_accounts(), faults=[CUT_AFTER]) as box:
            config = configure(tmp_path, box, url, sink, more=action_config(settle="5s"), accounts=("main",))
            async with in_process_run(config, clock_of(box.sandbox)) as turn:
                await wait_for_state(url, S.UNCERTAIN)
                main, other = box.ready.accounts
                text = config.read_text().replace(main["api_key"], other["api_key"])
                config.write_text(text)
                (tmp_path / "secret").write_text(other["api_secret"])
                turn.reload()
                await wait_for_state(url, S.UNRESOLVED)
                assert await wait_for_notice(sink, "another account") == "critical"


@pytest.mark.slow
async def test_renamed_account_learns_when_the_intent_is_settled(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    with http_sink() as sink:
        async with sandbox(two_accounts(), faults=[CUT_AFTER]) as box:
            config = configure(tmp_path, box, url, sink, more=action_config(), accounts=("main",))
            async with in_process_run(config, clock_of(box.sandbox)) as turn:
                await wait_for_state(url, S.UNCERTAIN)
                config.write_text(config.read_text().replace('"main"', '"mine"'))
                turn.reload()

                async def has_heard_of(state: IntentState) -> bool:
                    known = None if turn.daemon is None else turn.daemon.account_states().get("mine")
                    return known is not None and [sibling.state for sibling in known.sibling_intents] == [state]

                await eventually(lambda: has_heard_of(S.UNCERTAIN), WAIT_LIMIT_S)
                await wait_for_state(url, S.CONFIRMED, pushing=box)
                await eventually(lambda: has_heard_of(S.CONFIRMED), 20)
            assert len(money_requests(box.sandbox.requests)) == 1


async def has_reloaded_without_actions(turn: DaemonSupervisor) -> bool:
    return turn.daemon is not None and turn.daemon.is_ready and not turn.config.actions


async def is_reading(box: RunningSandbox, account: str) -> None:
    async def has_read() -> bool:
        return any(request.account == account for request in box.sandbox.requests)

    await eventually(has_read, WAIT_LIMIT_S)
