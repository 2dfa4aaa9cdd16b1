"""Another hand on the account: a second daemon's repayment is recognised, told once a day, and may pause everything."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from monitor.core.model.account import CROSS
from monitor.core.model.alert import AlertState
from monitor.core.model.intent import IntentState
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import scopes_with_balances
from monitor.records.alerts import AlertRow
from monitor.sandbox.faults import Fault
from monitor.store.commands_in_force import read_pause
from monitor.store.schema.tables import audit as trail
from monitor.store.schema.tables import movements
from monitor.store.writes import audit
from tests.support.command import margin_monitor
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.money_actions import REPAY_PATH, intents
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import HttpSink, http_sink

SPEED = 20.0
LIQUIDATING = Decimal(5_000)
"""The price of a BTC at which the exchange has liquidated all of cross, and the pair."""

SLOW = {"cross": "10s", "isolated": "10s", "near_liquidation": "10s"}

ACTS = """
[safety]
on_foreign_hand = "{safety}"

[[rules]]
name = "acts"
scope = "cross"
when = "margin_level < {below}"
severity = "info"
actions = ["repay"]

[[actions]]
name = "repay"
kind = "repay"
mode = "live"
asset = "USDT"
amount = "60"
max_amount = "60"
max_per_day = "100"
max_data_age = "5m"
cooldown = "1s"
"""


def config_of(
    folder: Path, box: RunningSandbox, *, below: str, safety: str = "tell", phone: HttpSink | None = None
) -> Path:
    channels = {} if phone is None else {"phone": phone.url}
    more = ACTS.format(below=below, safety=safety)
    return write_config(folder, box.ready, channels=channels, schedule=SLOW, more=more)


def is_firing(rows: Sequence[AlertRow]) -> bool:
    return any(row.alert.key.rule == "foreign-hand" and row.alert.state is AlertState.FIRING for row in rows)


def messages(sink: HttpSink) -> list[tuple[str, str]]:
    told = [one.json() for one in list(sink.received)]
    return [(one["severity"], one["reason"]) for one in told if one.get("rule") == "foreign-hand"]


async def wait_minutes(here: InProcessDaemon, minutes: int) -> None:
    """Returns once the account was read again so much later."""
    until = here.clock.now() + timedelta(minutes=minutes)
    await here.wait_for_state(lambda state: state.cross is not None and state.cross.as_of > until, 60)


async def test_last_movements_of_an_account_that_was_liquidated_are_read(tmp_path: Path) -> None:
    async with sandbox(speed=SPEED) as box:
        box.sandbox.user_actions.set_price("BTCUSDT", LIQUIDATING)
        async with in_process_daemon(config_of(tmp_path, box, below="0.1"), clock_of(box.sandbox)) as here:
            await here.wait_for_state(lambda state: CROSS in state.activity.ledger_read_until)
            assert here.state().cross is not None
            assert not scopes_with_balances(here.state(), here.daemon.settings("main"))

            async def are_kept() -> bool:
                return bool(await here.store.read(lambda c: c.execute(select(movements.c.type)).scalars().all()))

            await eventually(are_kept, 60)


@pytest.mark.slow
async def test_repayments_of_another_daemon_are_notified_once(tmp_path: Path) -> None:
    with http_sink() as phone:
        async with sandbox(speed=SPEED) as box:
            first = config_of(tmp_path / "first", box, below="9")
            second = config_of(tmp_path / "second", box, below="0.1", phone=phone)
            clock = clock_of(box.sandbox)
            async with in_process_daemon(second, clock) as here:
                await here.wait_for_state(lambda state: state.cross is not None and state.keys.owner is not None)
                async with in_process_daemon(first, clock) as other:

                    async def is_spent() -> bool:
                        done = [one for one in intents(tmp_path / "first") if one.state is IntentState.CONFIRMED]
                        return sum(one.amount for one in done) == 100

                    await eventually(is_spent, 60)
                    await here.wait_for_state(lambda state: len(state.foreign_activity.confirmed) == 2, 60)
                    await here.wait_for_alerts(is_firing)
                    await wait_until_notified(phone)
                    await wait_minutes(other, 2)
                    assert not is_firing(await other.alerts())
            async with in_process_daemon(second, clock) as again:
                await again.wait_for_state(lambda state: len(state.foreign_activity.confirmed) == 2)
                await wait_minutes(again, 2)
                assert is_firing(await again.alerts())
    assert messages(phone) == [("critical", "fired")]


async def wait_until_notified(phone: HttpSink) -> None:
    async def is_told() -> bool:
        return bool(messages(phone))

    await eventually(is_told)


@pytest.mark.slow
async def test_foreign_activity_pauses_until_a_person_resumes(tmp_path: Path) -> None:
    async with sandbox(speed=SPEED) as box:
        config = config_of(tmp_path, box, below="0.1", safety="pause")
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(lambda state: state.cross is not None)
            box.sandbox.user_actions.repay("main", "USDT", Decimal("12.5"))
            await here.wait_for_state(lambda state: state.commands.paused, 60)
            who = await here.store.read(read_pause)
            assert who is not None
            assert who[0].startswith("foreign-hand: account main, 12.5 USDT repaid in cross at ")
            last = await here.store.read(
                lambda connection: connection.execute(select(trail).where(trail.c.kind == "pause")).one()
            )
            assert "foreign-hand: account main, 12.5 USDT repaid" in last.data
            assert (await here.store.read(audit.verify_trail)).problems == ()
            said = await asyncio.to_thread(margin_monitor, config, "actions", "resume")
            assert said.code == 0, said
            await here.wait_for_state(lambda state: not state.commands.paused)
            await wait_minutes(here, 2)
            assert not here.state().commands.paused
            box.sandbox.user_actions.repay("main", "USDT", Decimal("7.5"))
            await here.wait_for_state(lambda state: state.commands.paused, 60)


async def let_order_go_unanswered(box: RunningSandbox, config: Path, here: InProcessDaemon) -> None:
    """Let another hand repay, then an order of the daemon that is lost on its way, without an answer."""
    await here.wait_for_state(lambda state: state.cross is not None)
    box.sandbox.user_actions.repay("main", "USDT", Decimal("12.5"))
    await here.wait_for_state(lambda state: bool(state.foreign_activity.confirmed), 60)
    box.sandbox.add_fault(Fault("cut_before", "POST", REPAY_PATH))
    await command(config, "actions", "resume")
    await here.wait_for_state(lambda state: any(i.submitted_at for i in state.intents.values()), 60)


async def command(config: Path, *words: str) -> None:
    said = await asyncio.to_thread(margin_monitor, config, *words)
    assert said.code == 0, said


@pytest.mark.slow
async def test_unanswered_order_is_not_proved_by_an_equal_repayment_where_others_act(tmp_path: Path) -> None:
    async with sandbox(speed=SPEED) as box:
        config = config_of(tmp_path, box, below="9", safety='tell"\nsettle = "5s"\nunresolved_after = "60s')
        await command(config, "db", "upgrade")
        await command(config, "actions", "pause")
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await let_order_go_unanswered(box, config, here)
            box.sandbox.user_actions.repay("main", "USDT", Decimal(60))
            await here.wait_for_state(is_asked, 60)
        # Another configuration, without a sending action, and another start: what others did is not forgotten.
        config.write_text(config.read_text().replace('mode = "live"', 'mode = "dry-run"'))
        async with in_process_daemon(config, clock_of(box.sandbox)) as again:
            await again.wait_for_state(is_asked, 60)
            await wait_minutes(again, 3)
            (asked,) = [one for one in intents(tmp_path) if one.submitted_at is not None]
            assert asked.state is IntentState.UNRESOLVED
            assert "fits, but no answer named it" in str(asked.evidence)
            comment = "it was the other program"
            await command(config, "actions", "resolve", str(asked.id), "--as", "failed", "--comment", comment)
            await wait_minutes(again, 3)
    (failed,) = [one for one in intents(tmp_path) if one.submitted_at is not None]
    assert (failed.state, failed.executed_late, failed.ref) == (IntentState.FAILED, False, None)


@pytest.mark.slow
async def test_equal_repayment_after_a_failed_order_counts_where_others_act(tmp_path: Path) -> None:
    async with sandbox(speed=SPEED) as box:
        config = config_of(tmp_path, box, below="9", safety='tell"\nsettle = "5s"\nunresolved_after = "10m')
        await command(config, "db", "upgrade")
        await command(config, "actions", "pause")
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await let_order_go_unanswered(box, config, here)
            await command(config, "actions", "pause")
            await here.wait_for_state(
                lambda state: any(i.state is IntentState.FAILED for i in state.intents.values()), 60
            )
            box.sandbox.user_actions.repay("main", "USDT", Decimal(60))
            await here.wait_for_state(lambda state: any(i.executed_late for i in state.intents.values()), 60)
    late = next(one for one in intents(tmp_path) if one.executed_late)
    assert "which may be another hand's: no answer named the order" in str(late.evidence)


@pytest.mark.slow
async def test_repayment_that_equals_an_own_one_is_reported(tmp_path: Path) -> None:
    async with sandbox(speed=SPEED) as box:
        config = config_of(tmp_path, box, below="9")
        box.sandbox.add_fault(Fault("delay", "POST", REPAY_PATH, seconds=0.5))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:

            async def is_carried_out() -> bool:
                return any(one.applied and one.path == REPAY_PATH for one in box.sandbox.requests)

            await eventually(is_carried_out, 60)
            box.sandbox.user_actions.repay("main", "USDT", Decimal(60))
            await here.wait_for_state(lambda state: bool(state.foreign_activity.confirmed), 60)
            (own,) = [one for one in intents(tmp_path) if one.amount == 60]
            assert own.state is IntentState.CONFIRMED
        async with in_process_daemon(config, clock_of(box.sandbox)) as again:
            await again.wait_for_state(lambda state: state.keys.owner is not None and state.cross is not None)
            await wait_minutes(again, 1)
            (found,) = again.state().foreign_activity.confirmed
            assert again.state().foreign_activity.suspects[found].amount == 60


def is_asked(state: AccountState) -> bool:
    return any(intent.state is IntentState.UNRESOLVED for intent in state.intents.values())


async def test_manual_trading_is_no_foreign_activity_and_a_daemon_order_is(tmp_path: Path) -> None:
    more = ACTS.format(below="0.1", safety="tell").replace('kind = "repay"', 'kind = "reduce"')
    async with sandbox(speed=SPEED) as box:
        config = write_config(tmp_path / "mine", box.ready, schedule=SLOW, more=more)
        other = write_config(tmp_path / "other", box.ready, name="other.toml")
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(lambda state: "account" in state.streams and state.streams["account"].connected)
            box.sandbox.user_actions.place("main", "BTCUSDT", "SELL", Decimal(70_000), Decimal("0.001"))
            await here.wait_for_state(lambda state: any(orders.order_ids for orders in state.activity.orders.values()))
            words = "symbol=BTCUSDT side=SELL type=LIMIT timeInForce=GTC quantity=0.001 price=71000"
            for name in ("by_hand-7", "mm-7-1760130000000"):
                order = (*words.split(), f"newClientOrderId={name}")
                said = await asyncio.to_thread(margin_monitor, other, "call", "create_margin_order", *order, "--yes")
                assert said.code == 0, said
            await here.wait_for_state(lambda state: state.foreign_activity.confirmed, 60)
            assert len(here.state().foreign_activity.suspects) == 1
            (found,) = here.state().foreign_activity.suspects.values()
            assert (found.kind, found.asset, found.amount) == ("reduce", "BTCUSDT", Decimal("0.001"))
