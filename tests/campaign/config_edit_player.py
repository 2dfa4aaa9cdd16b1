"""Plays what `config_edits` draws: an action that is taken out, and a configuration that is refused."""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from typing import Any, assert_never

from monitor.sandbox.faults import Fault
from monitor.sandbox.server import Sandbox
from tests.campaign import config_variants
from tests.campaign.campaign_run import CampaignRun
from tests.campaign.config_edits import ConfigEdit, Delisting, RefusedConfig, RemovedAction
from tests.campaign.daemon import DaemonProcess
from tests.campaign.disturbance_player import is_money_request, wait_for_nth
from tests.campaign.judge.facts import RefusedConfigFact, RemovalFact, Span

TERMS_PATH = "/sapi/v1/margin/delist-schedule"

POLL_S = 0.005

ANSWERS_WITHIN_S = 5.0
"""Machine seconds within which a daemon refuses a configuration that has a flaw, also on a busy machine."""


def prepare(box: Sandbox, edits: Iterable[ConfigEdit]) -> None:
    """Let the first reads of the schedule fail, where that is drawn."""
    for edit in edits:
        if isinstance(edit, Delisting) and edit.failures:
            box.add_fault(Fault("status", "GET", TERMS_PATH, status=503, count=edit.failures))


def play(run: CampaignRun, edit: ConfigEdit) -> Coroutine[Any, Any, None]:
    """What the owner does, from its beginning to its end; the configuration is as it was then."""
    match edit:
        case RemovedAction():
            return _remove_action(run, edit)
        case RefusedConfig():
            return _refuse(run, edit)
        case Delisting():
            return _nothing()
        case _:
            assert_never(edit)


async def _remove_action(run: CampaignRun, edit: RemovedAction) -> None:
    if edit.nth == 0:
        await run.until_age(edit.at_s)
    elif await wait_for_nth(run, is_money_request, edit.nth) is None:
        return
    await asyncio.sleep(edit.jitter_s)
    name = run.plan.actions[edit.place % len(run.plan.actions)].limits.name
    first, loaded = run.life, run.life.count("config.reloaded")
    written = time.monotonic()
    config_variants.take_out_action(run.config, name)
    if edit.is_reloaded:
        run.reload()
    until, since = run.age_s + edit.back_s, None
    while run.is_active and run.age_s < until:
        life, now_ms = run.life, run.box.timeline.now_ms()
        if life is first:
            is_in_force = life.count("config.reloaded") > loaded
        else:
            # A second daemon may have been waiting with the configuration of before.
            is_in_force = life.has_started and life.began > written
        if is_in_force and since is None:
            since = now_ms
        elif since is not None and not is_in_force:
            run.removals.append(RemovalFact(name, Span(since, now_ms)))
            since = None
        await asyncio.sleep(POLL_S)
    if since is not None:
        run.removals.append(RemovalFact(name, Span(since, run.box.timeline.now_ms())))
    config_variants.put_back_action(run.config, name)
    run.reload()


async def _refuse(run: CampaignRun, edit: RefusedConfig) -> None:
    await run.until_age(edit.at_s)
    if not run.is_active:
        return
    with run.with_flaw(edit.flaw):
        life, at = run.life, run.box.timeline.now_ms()
        was_running = life.has_started and not life.is_over
        failed = life.count("config.reload_failed")
        run.reload()
        await run.until_age(edit.until_s)
        if was_running:
            await _wait_for_refusal(life, failed)
        # What was ended meanwhile owes no answer.
        if was_running and life is run.life and life.killed_at is None:
            run.refusals.append(RefusedConfigFact(at, edit.flaw, _has_refused(life, failed)))
    run.reload()


async def _wait_for_refusal(life: DaemonProcess, failed: int) -> None:
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    while time.monotonic() < deadline:
        if life.is_over or _has_refused(life, failed):
            return
        await asyncio.sleep(POLL_S)


def _has_refused(life: DaemonProcess, failed: int) -> bool:
    return life.count("config.reload_failed") > failed


async def _nothing() -> None:
    """A delisting is there from the start: see `prepare`."""
