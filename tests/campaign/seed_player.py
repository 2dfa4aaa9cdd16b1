"""One seed, played: the sandbox here, the daemon as a process that is killed and started again; then the judge."""

import asyncio
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from monitor.sandbox.faults import Fault
from monitor.sandbox.server import Sandbox, SandboxInfo
from tests.campaign import config_edit_player, disturbance_player
from tests.campaign.campaign_run import CampaignRun
from tests.campaign.channel_server import Phone, running_phone
from tests.campaign.config_edits import ConfigEdit
from tests.campaign.daemon import DaemonProcess
from tests.campaign.disturbances import Disturbance, WrongKey
from tests.campaign.judge.disturbances import Violation
from tests.campaign.judge.facts import Facts
from tests.campaign.judge.judge import LASTING, judge, moves
from tests.campaign.plan import ACTING_KEY, OTHER_KEY, PACE, SPEED, Kill, Plan, Timed, plan_of
from tests.support.daemon import write_config
from tests.support.sandbox import sandbox

log = logging.getLogger(__name__)

SETTLES_WITHIN_S = 45.0
STARTS_WITHIN_S = 30.0
STOPS_WITHIN_S = 15.0
STOPS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed. `story` is what happened, in figures."""

    seed: int
    seconds: float
    violations: tuple[Violation, ...]
    story: dict[str, int]


def play(seed: int, folder: Path) -> Outcome:
    """The seed from its beginning to its verdict. Everything that it leaves behind is in `folder`."""
    return asyncio.run(_play(plan_of(seed), folder))


def judged(seed: int) -> Outcome:
    """Plays a seed in a folder of its own. What a clean one leaves behind is removed."""
    folder = Path(tempfile.mkdtemp(prefix=f"campaign-{seed}-"))
    try:
        outcome = play(seed, folder)
    except Exception as error:
        # One seed that breaks its own stage ends no campaign.
        log.exception("stage.broke seed=%d", seed)
        return Outcome(seed, 0.0, (Violation("the stage broke", f"{type(error).__name__}: {error}"),), {})
    if not outcome.violations:
        shutil.rmtree(folder)
    return outcome


async def _play(plan: Plan, folder: Path) -> Outcome:
    async with (
        running_phone(Phone(list(plan.sink))) as phone,
        sandbox(plan.scenario, speed=SPEED * PACE, shared=True) as running,
    ):
        config = write_run_config(folder, plan, running.ready, phone.url)
        phone.now_ms = running.sandbox.timeline.now_ms
        run = CampaignRun(plan, running.sandbox, config, folder, phone)
        for strain in plan.strains:
            if isinstance(strain, WrongKey):
                await run.act_with(ACTING_KEY if strain.at_s else OTHER_KEY)
        is_up = asyncio.Event()
        befalling = [asyncio.create_task(_apply_timed_events(run, is_up))]
        befalling += [asyncio.create_task(_apply_disturbance(run, strain, is_up)) for strain in plan.strains]
        config_edit_player.prepare(running.sandbox, plan.edits)
        befalling += [asyncio.create_task(_apply_config_edit(run, edit, is_up)) for edit in plan.edits]
        answering = asyncio.create_task(run.answer_proposals())
        try:
            life = await _run_daemons(run, is_up)
            await asyncio.gather(*befalling)
            await run.finish_later()
            await _settle(run, life)
        finally:
            for task in (*befalling, answering):
                task.cancel()
            await asyncio.gather(*befalling, answering, return_exceptions=True)
            run.stop_daemons()
        facts = await run.facts()
    return Outcome(plan.seed, run.age_s / PACE, tuple(judge(facts)), _story(run, facts))


def write_run_config(folder: Path, plan: Plan, ready: SandboxInfo, channel: str) -> Path:
    """Write the configuration of a plan, with one webhook as its channel."""
    more = "\n\n".join(
        [
            f'{plan.safety}pause_file = "{folder}/paused"',
            *("[[actions]]\n" + "\n".join(action.lines) for action in plan.actions),
            plan.rules,
        ]
    )
    return write_config(
        folder,
        replace(ready, accounts=ready.accounts[:1]),
        channels={"phone": channel},
        schedule=plan.schedule,
        first=f"default_rules = {str(plan.default_rules).lower()}",
        more=more,
    )


async def _run_daemons(run: CampaignRun, events: asyncio.Event) -> DaemonProcess:
    """Life after life, each ended as the plan says; the one that remains."""
    life = run.begin()
    await _wait_until_running(life)
    run.began = time.monotonic()
    events.set()
    for kill in run.plan.kills:
        life = await _until(run, life, kill)
        if not run.is_active:
            break
        life = await run.kill(life, kill.down_s)
    while run.is_active:
        life = await run.replace_if_wanted(life)
        await asyncio.sleep(0.05)
    return await run.replace_if_wanted(life)


async def _wait_until_running(life: DaemonProcess) -> None:
    """Returns once the daemon runs, or has ended; before that it does not listen to signals."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        if life.is_over or life.has_started:
            return
        await asyncio.sleep(0.02)


async def _until(run: CampaignRun, life: DaemonProcess, kill: Kill) -> DaemonProcess:
    """The life that is to be ended, at the instant at which it is, or at the end of the active part."""
    began, orders = time.monotonic(), _orders(run.box)
    while run.is_active:
        living = await run.replace_if_wanted(life)
        if living is not life:
            began, life = time.monotonic(), living
        is_due = {
            "time": time.monotonic() - began >= kill.after_s / PACE,
            "asked": _orders(run.box) >= orders + kill.nth,
            "log": life.count(kill.word) >= kill.nth,
        }[kill.trigger]
        if is_due:
            await asyncio.sleep(kill.jitter_s)
            break
        await asyncio.sleep(0.002)
    return life


async def _apply_timed_events(run: CampaignRun, is_up: asyncio.Event) -> None:
    """Faults and people's doings, each at its time after the first start."""
    await is_up.wait()
    for each in run.plan.timed:
        await run.until_age(each.at_s)
        await _apply_event(run, each)


async def _apply_disturbance(run: CampaignRun, strain: Disturbance, is_up: asyncio.Event) -> None:
    await is_up.wait()
    await disturbance_player.play(run, strain)


async def _apply_config_edit(run: CampaignRun, edit: ConfigEdit, is_up: asyncio.Event) -> None:
    await is_up.wait()
    await config_edit_player.play(run, edit)


async def _apply_event(run: CampaignRun, each: Timed) -> None:
    if isinstance(each.what, Fault):
        run.box.add_fault(each.what)
    else:
        await run.perform(each.what)


async def _settle(run: CampaignRun, life: DaemonProcess) -> None:
    """Nothing goes wrong any more: everything is to come to its end, and then the daemon to its own."""
    run.box.clear_faults()
    run.phone.answers.clear()
    await run.perform("no pause file")
    await run.perform("resume")
    if run.plan.recovers:
        run.box.user_actions.set_price("BTCUSDT", Decimal(90_000))
    life = await _until_clean(run, life, lambda: not _is_late(run.box))
    await run.perform("pause")
    for _ in range(STOPS):
        life = await _until_clean(run, life, lambda: True)
        await _wait_until_running(life)
        life.stop()
        await asyncio.to_thread(life.process.join, STOPS_WITHIN_S)
        if life.process.exitcode != 0:
            run.ends.append(f"asked to stop it ended with {life.process.exitcode}")
            life.kill()
        # What fires right before the stop is told by the next life.
        if run.ends or not judge(await run.facts()):
            break
        life = run.begin()


async def _until_clean(run: CampaignRun, life: DaemonProcess, holds: Callable[[], bool]) -> DaemonProcess:
    deadline = time.monotonic() + SETTLES_WITHIN_S
    while time.monotonic() < deadline:
        life = await run.replace_if_wanted(life)
        facts = await run.facts()
        found = judge(facts)
        # What broke does not mend itself.
        if facts.bugs or any(one.what in LASTING for one in found) or (holds() and not found):
            break
        await asyncio.sleep(0.1)
    return life


def _orders(box: Sandbox) -> int:
    return sum(moves(request.method, request.path) for request in box.requests)


def _is_late(box: Sandbox) -> bool:
    """Whether something that was cut off is still to be carried out."""
    return any(request.fault == "apply_late" and not request.applied and not request.code for request in box.requests)


def _story(run: CampaignRun, facts: Facts) -> dict[str, int]:
    return {
        "kills": run.kills,
        "sent": sum(request.wish is not None for request in facts.requests),
        "executed": len(facts.executions),
        "intents": len(facts.intents),
        "critical": sum(alert.fired and alert.severity == "critical" for alert in facts.alerts),
        "heard": len(run.phone.heard),
        "pauses": len(facts.pauses),
        "taken": sum(request.taken > 0 for request in facts.requests),
        "stops": len(facts.stops),
        "suspends": len(facts.suspends),
        "removals": len(facts.removals),
        "refusals": len(facts.refusals),
    }


def as_line(outcome: Outcome) -> str:
    """One line of the file of results."""
    found = [str(violation) for violation in outcome.violations]
    return json.dumps(
        {"seed": outcome.seed, "seconds": round(outcome.seconds, 2), "violations": found, **outcome.story}
    )
