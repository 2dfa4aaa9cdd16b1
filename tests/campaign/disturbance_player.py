"""Plays what `strains` draws: around orders of ours, at its moment, or wherever a daemon is to give way to another."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from decimal import Decimal
from typing import Any, assert_never

from monitor.app.database import back_up_database, restore_database
from monitor.config.loading import load_config
from monitor.errors import MonitorError
from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.faults import Fault
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.sandbox.ledger.ledger import InsufficientBalance
from monitor.sandbox.scenario.scenario import ApiKeyPermissions, ApiKeySpec
from tests.campaign.campaign_run import CampaignRun
from tests.campaign.daemon import DaemonProcess
from tests.campaign.disturbances import (
    ClockStep,
    Disturbance,
    ForeignHand,
    HandAct,
    LostRight,
    Meanwhile,
    Restore,
    SecondDaemon,
    SecondDatabase,
    Stall,
    Suspend,
    TakeMore,
    WrongKey,
)
from tests.campaign.fact_collector import intents_of, restored
from tests.campaign.judge.facts import REPAY_PATH, TRANSFER_PATH, RestoreFact
from tests.campaign.judge.judge import moves
from tests.campaign.plan import ACCOUNT, ACTING_KEY, OTHER_KEY, PACE
from tests.support.database_lock import locked_database

RIGHTS_PATH = "/sapi/v1/account/apiRestrictions"
"""What is read last before an order is claimed."""

ENDS_WITHIN_S = 15.0

LOST_S = 60.0
"""Machine seconds without a daemon after its database was lost: a quarter of an hour of the exchange."""

WITHOUT: dict[str, ApiKeyPermissions] = {
    "trading": ApiKeyPermissions(trading=False),
    "margin": ApiKeyPermissions(margin=False),
    "transfer": ApiKeyPermissions(transfer=False),
    "reading": ApiKeyPermissions(reading=False),
    "address": ApiKeyPermissions(ips=("192.0.2.1",)),
}


def play(run: CampaignRun, strain: Disturbance) -> Coroutine[Any, Any, None]:
    """What befalls the run, from its beginning to its end; it leaves nothing behind that goes on being wrong."""
    match strain:
        case Stall():
            return _stall(run, strain)
        case Suspend():
            return _suspend(run, strain)
        case TakeMore():
            return _take_more(run, strain)
        case ClockStep():
            return _step(run, strain)
        case Restore():
            return _restore(run, strain)
        case SecondDaemon():
            return _second_daemon(run, strain)
        case SecondDatabase():
            return _second_database(run, strain)
        case ForeignHand():
            return _foreign_activity(run, strain)
        case WrongKey():
            return _wrong_key(run, strain)
        case LostRight():
            return _lost_right(run, strain)
        case _:
            assert_never(strain)


async def _stall(run: CampaignRun, stall: Stall) -> None:
    # The first is at the start.
    if await wait_for_nth(run, _is_permission_read, stall.nth + 1) is None:
        return
    await asyncio.sleep(stall.jitter_s)
    life = run.life
    if stall.how == "locked":
        await asyncio.gather(asyncio.to_thread(_lock, run, stall.lasts_s), _during_stall(run, stall))
        return
    life.send(signal.SIGSTOP)
    try:
        await _during_stall(run, stall)
    finally:
        life.send(signal.SIGCONT)


def _lock(run: CampaignRun, seconds: float) -> None:
    with locked_database(f"sqlite:///{run.database}"):
        time.sleep(seconds / PACE)


async def _suspend(run: CampaignRun, plan: Suspend) -> None:
    # The first is at the start.
    if await wait_for_nth(run, _is_permission_read, plan.nth + 1) is None:
        return
    await asyncio.sleep(plan.jitter_s)
    life = run.life
    if life.is_over or not life.has_started:
        return
    life.send(signal.SIGSTOP)
    try:
        run.clocks.sleep(plan.lasts_s / 2, life)
        await _befall(run, plan.meanwhile)
        run.clocks.sleep(plan.lasts_s / 2, life)
    finally:
        life.send(signal.SIGCONT)
    if plan.meanwhile:
        run.later(1.0, _undo(run, plan.meanwhile))


async def _take_more(run: CampaignRun, plan: TakeMore) -> None:
    path, given = (REPAY_PATH, {"type": "REPAY"}) if plan.path == "repay" else (TRANSFER_PATH, {})
    await run.until_age(plan.at_s)
    run.box.add_fault(
        Fault("take_more", "POST", path, given, ACCOUNT, nth=plan.nth, count=plan.count, share=plan.share)
    )
    if plan.resumed_s is not None:
        await run.until_age(plan.resumed_s)
        await run.perform("resume")


async def _during_stall(run: CampaignRun, stall: Stall) -> None:
    """What happens during the stall; what a person has paused he resumes a little later."""
    await run.pass_time(stall.lasts_s / 2)
    await _befall(run, stall.meanwhile)
    await run.pass_time(stall.lasts_s / 2)
    if stall.meanwhile:
        run.later(1.0, _undo(run, stall.meanwhile))


async def _befall(run: CampaignRun, what: Meanwhile) -> None:
    match what:
        case "price back":
            run.box.user_actions.set_price("BTCUSDT", Decimal(75_000))
        case "pause":
            await run.perform("pause")
        case "pause file":
            await run.perform("pause file")


async def _undo(run: CampaignRun, what: Meanwhile) -> None:
    match what:
        case "price back":
            run.box.user_actions.release_prices()
        case "pause":
            await run.perform("resume")
        case "pause file":
            await run.perform("no pause file")


async def _step(run: CampaignRun, step: ClockStep) -> None:
    if step.at_s == 0:
        # So it was from the start: see Run.begin.
        return
    await run.until_age(step.at_s)
    if step.during_order:
        await wait_for_nth(run, is_money_request, 1)
    run.clocks.set_wall(step.seconds, run.life)


async def _restore(run: CampaignRun, plan: Restore) -> None:
    backup = run.folder / "backup.db"
    await run.until_age(plan.backup_s)
    try:
        await asyncio.to_thread(back_up_database, load_config(run.config, {}), backup)
    except MonitorError:
        # There is no database yet, or the disk of the machine is slow: no backup, no restore.
        return
    if plan.after_order:
        await wait_for_nth(run, is_money_request, 1)
    else:
        await run.until_age(plan.restored_s)
    if run.is_active:
        await run.changed(lambda life: _replaced(run, life, plan))
        await run.pass_time(plan.resumed_after_s)
        await run.perform("resume")


async def _replaced(run: CampaignRun, life: DaemonProcess, plan: Restore) -> DaemonProcess:
    """Another life, on the backup."""
    life.killed_at = time.monotonic()
    run.stop_second_daemon()
    if not plan.is_killed and life.has_started:
        life.stop()
        await asyncio.to_thread(life.process.join, ENDS_WITHIN_S)
    life.kill()
    run.lost += await asyncio.to_thread(intents_of, run.database)
    found = await (_lost(run) if plan.is_lost else _put_back(run))
    run.restores.append(found)
    run.note_paused(found.paused)
    return run.begin()


async def _put_back(run: CampaignRun) -> RestoreFact:
    config, backup = load_config(run.config, {}), run.folder / "backup.db"
    await asyncio.to_thread(restore_database, config, backup, by="campaign", clock=run.clock, force=True)
    return await asyncio.to_thread(restored, run.database, run.box.timeline.now_ms())


async def _lost(run: CampaignRun) -> RestoreFact:
    for file in run.folder.glob(f"{run.database.name}*"):
        file.unlink()
    # Numbers begin anew, by the time.
    run.clocks.sleep(LOST_S, run.life)
    return RestoreFact(run.box.timeline.now_ms(), is_empty=True)


async def _second_daemon(run: CampaignRun, plan: SecondDaemon) -> None:
    await run.until_age(plan.at_s)
    if run.is_active:
        run.start_second_daemon(takes_over=plan.takes_over)
        await run.until_age(plan.at_s + plan.lasts_s)
        run.stop_second_daemon()


async def _second_database(run: CampaignRun, plan: SecondDatabase) -> None:
    await run.until_age(plan.at_s)
    if run.is_active:
        life = run.begin_elsewhere()
        await run.until_age(plan.at_s + plan.lasts_s)
        await asyncio.to_thread(life.kill)


async def _foreign_activity(run: CampaignRun, plan: ForeignHand) -> None:
    order = await wait_for_nth(run, is_money_request, plan.nth)
    if order is None:
        return
    await asyncio.sleep(plan.jitter_s)
    with contextlib.suppress(SimApiError, InsufficientBalance):
        _manual_order(run, plan.act, Decimal(order.params.get("amount", "300")))


def _manual_order(run: CampaignRun, act: HandAct, ours: Decimal) -> None:
    """`ours`: the amount of the order beside which it happens."""
    hand = run.box.user_actions
    beside = max(ours - Decimal("0.01"), Decimal("0.01"))
    match act:
        case "repay":
            hand.repay(ACCOUNT, "USDT", Decimal(250))
        case "repay nearly the same":
            hand.repay(ACCOUNT, "USDT", beside)
        case "bring in":
            hand.transfer(ACCOUNT, "MAIN_MARGIN", "USDT", Decimal(150))
        case "bring in nearly the same":
            hand.transfer(ACCOUNT, "MAIN_MARGIN", "USDT", beside)
        case "take out":
            hand.transfer(ACCOUNT, "MAIN_FUNDING", "USDT", Decimal(400))
        case "borrow":
            hand.borrow(ACCOUNT, "USDT", Decimal(200))


async def _wrong_key(run: CampaignRun, plan: WrongKey) -> None:
    if plan.at_s > 0:
        await run.until_age(plan.at_s)
        await run.act_with(OTHER_KEY)
    await run.until_age(plan.until_s)
    await run.act_with(ACTING_KEY)


async def _lost_right(run: CampaignRun, plan: LostRight) -> None:
    await run.until_age(plan.at_s)
    with run.without_right(plan.right):
        _permit(run, WITHOUT[plan.right])
        await run.until_age(plan.until_s)
        _permit(run, ApiKeyPermissions())


def _permit(run: CampaignRun, permissions: ApiKeyPermissions) -> None:
    keys = run.box.venue.keys
    for name, (account, key) in list(keys.items()):
        changed: ApiKeySpec = replace(key, permissions=permissions)
        keys[name] = account, changed


async def wait_for_nth(run: CampaignRun, wanted: Callable[[ReceivedRequest], bool], nth: int) -> ReceivedRequest | None:
    """The n-th such request from now on; None where none came in the active part."""
    seen = len(run.box.requests)
    while run.is_active:
        for one in run.box.requests[seen:]:
            nth -= wanted(one)
            if nth == 0:
                return one
        seen = len(run.box.requests)
        await asyncio.sleep(0.002)
    return None


def is_money_request(one: ReceivedRequest) -> bool:
    """Return whether the request may move or change anything."""
    return moves(one.method, one.path)


def _is_permission_read(one: ReceivedRequest) -> bool:
    return one.path == RIGHTS_PATH
