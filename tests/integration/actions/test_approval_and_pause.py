"""People in the way of money: approval, rejection, silence, and the two ways to pause, each from another process."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.core.model.intent import IntentState
from monitor.records.intents import IntentRow
from monitor.sandbox.faults import Fault
from tests.support.command import margin_monitor
from tests.support.daemon import DaemonProcess, daemon_process, eventually, starting_now, write_config
from tests.support.money_actions import intents, intents_with_steps, money_requests, repay_config
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import Answer, HttpSink, http_sink

S = IntentState
STARTED = "stream=market connected=True"
SOON = timedelta(seconds=1.5)
"""What people order holds within a second; the rest is for a busy machine."""


async def command(config: Path, *words: str, code: int = 0) -> None:
    """Runs a command of the program in a process of its own."""
    said = await asyncio.to_thread(margin_monitor, config, *words)
    assert said.code == code, said


async def wait_for_state(folder: Path, state: IntentState, which: int = 0) -> IntentRow:
    """The story of an intent, by default of the first one, once it is in this state."""

    async def is_there() -> bool:
        return any(row.intent.state is state for row in intents_with_steps(folder)[which : which + 1])

    await eventually(is_there, 30, story=lambda: str(intents(folder)))
    return intents_with_steps(folder)[which]


def notices(sink: HttpSink) -> list[str]:
    return [str(one.json()["text"]) for one in list(sink.received) if one.json()["reason"] == "notice"]


@pytest.mark.slow
async def test_approval_from_another_process_is_executed_at_once_and_once(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=repay_config(mode="approve"))
            async with daemon_process(config):
                number = (await wait_for_state(tmp_path, S.PROPOSED)).intent.id
                asked = f"actions approve {number}"
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any(asked in one.json()["text"] for one in received)
                )
                assert money_requests(box.sandbox.requests) == []
                await command(config, "actions", "approve", str(number))
                approved_at = SystemClock().now()
                done = await wait_for_state(tmp_path, S.CONFIRMED)
                # Approving it again comes too late.
                await command(config, "actions", "approve", str(number), code=1)
                await asyncio.to_thread(sink.wait_for, lambda received: any("done" in text for text in notices(sink)))
            assert len(money_requests(box.sandbox.requests)) == 1
    at = {step.to_state: step.at for step in done.steps}
    assert list(at) == [S.PROPOSED, S.PLANNED, S.SUBMITTING, S.ACKNOWLEDGED, S.CONFIRMED]
    assert at[S.PLANNED] - approved_at < SOON


@pytest.mark.slow
async def test_a_rejected_proposal_is_never_sent(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, more=repay_config(mode="approve"))
        async with daemon_process(config) as child:
            number = (await wait_for_state(tmp_path, S.PROPOSED)).intent.id
            await command(config, "actions", "reject", str(number))
            await wait_for_state(tmp_path, S.REJECTED)
            await command(config, "actions", "approve", str(number), code=1)
            await a_few_ticks(box, child)
            assert len(intents(tmp_path)) == 1
            assert money_requests(box.sandbox.requests) == []


@pytest.mark.parametrize(("choice", "ends", "sent"), [("skip", S.EXPIRED, 0), ("act", S.CONFIRMED, 1)])
@pytest.mark.slow
async def test_unanswered_proposal_follows_on_no_answer(
    tmp_path: Path, choice: str, ends: IntentState, sent: int
) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            more = repay_config(mode="approve", approve_within="2s", on_no_answer=choice)
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=more)
            async with daemon_process(config) as child:
                story = await wait_for_state(tmp_path, ends)
                assert story.steps[1].at - story.steps[0].at >= timedelta(seconds=2)
                words = "nobody approved it in time" if choice == "skip" else "done"
                await asyncio.to_thread(sink.wait_for, lambda received: any(words in text for text in notices(sink)))
                await a_few_ticks(box, child)
            assert len(money_requests(box.sandbox.requests)) == sent
            assert len(intents(tmp_path)) == 1


@pytest.mark.parametrize("way", ["command", "file"])
@pytest.mark.slow
async def test_a_pause_holds_within_a_second_and_across_restarts(tmp_path: Path, way: str) -> None:
    file = tmp_path / "PAUSE"

    async def pause(config: Path, *, paused: bool) -> None:
        if way == "command":
            await command(config, "actions", "pause" if paused else "resume")
        elif paused:
            file.touch()
        else:
            file.unlink()

    async with sandbox(starting_now()) as box:
        more = repay_config(max_amount="10", cooldown="0s", pause_file=str(file)).replace(
            'kind = "repay"', 'kind = "repay"\nmax_actions_per_day = 1000'
        )
        config = write_config(tmp_path, box.ready, more=more)
        async with daemon_process(config) as child:
            await wait_until_sent(box, 2)
            await pause(config, paused=True)
            since = box.sandbox.timeline.now_ms()
            await a_few_ticks(box, child)
            sent = len(money_requests(box.sandbox.requests))
            late = [
                one.at
                for one in money_requests(box.sandbox.requests)
                if one.at > since + SOON / timedelta(milliseconds=1)
            ]
            assert late == []
            assert '"paused":true' in margin_monitor(config, "status", "--json").out.replace(" ", "")
            assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
        async with daemon_process(config) as child:
            await child.wait_for_line(STARTED)
            await a_few_ticks(box, child)
            assert len(money_requests(box.sandbox.requests)) == sent
            await pause(config, paused=False)
            await wait_until_sent(box, sent + 2)
            assert await child.stop() == 0


async def wait_until_sent(box: RunningSandbox, count: int) -> None:
    """Returns once the exchange was asked to move money so often."""

    async def has_sent() -> bool:
        return len(money_requests(box.sandbox.requests)) >= count

    await eventually(has_sent, 30)


async def a_few_ticks(box: RunningSandbox, child: DaemonProcess) -> None:
    """Returns once the daemon has read the account four times more: it had every chance to act."""
    start = reads(box)

    async def has_read() -> bool:
        return reads(box) >= start + 4

    await eventually(has_read, 30, given_up=lambda: child.process.returncode is not None, story=lambda: child.text)


def reads(box: RunningSandbox) -> int:
    return sum(request.path == "/sapi/v1/margin/account" for request in box.sandbox.requests)


@pytest.mark.slow
async def test_undelivered_proposal_moves_nothing_and_is_proposed_again(tmp_path: Path) -> None:
    with http_sink() as sink:
        sink.default = Answer(503)
        async with sandbox(starting_now()) as box:
            more = repay_config(mode="approve", approve_within="3s", on_no_answer="act")
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=more)
            async with daemon_process(config) as child:
                story = await wait_for_state(tmp_path, S.EXPIRED)
                assert story.intent.is_unasked
                await a_few_ticks(box, child)
                assert money_requests(box.sandbox.requests) == []
                assert "no channel" in margin_monitor(config, "status").out
                assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            assert "no channel took the question" in margin_monitor(config, "report").out
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED)
                await a_few_ticks(box, child)
                assert len(intents(tmp_path)) == 1
                sink.default = Answer()
                await asyncio.to_thread(
                    sink.wait_for, lambda _: any("no channel took the question" in text for text in notices(sink))
                )
                done = await wait_for_state(tmp_path, S.CONFIRMED, which=1)
            assert len(money_requests(box.sandbox.requests)) == 1
    asked_at = done.intent.asked_at
    planned_at = next(step.at for step in done.steps if step.to_state is S.PLANNED)
    assert asked_at is not None and planned_at - asked_at >= timedelta(seconds=3)


@pytest.mark.slow
async def test_an_order_that_makes_things_worse_stops_its_rule_until_a_person_resumes_it(tmp_path: Path) -> None:
    taking = Fault("take_more", method="POST", path="/sapi/v1/margin/borrow-repay", share=200.0)
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            box.sandbox.add_fault(taking)
            more = repay_config(max_amount="10", cooldown="0s").replace(
                'kind = "repay"', 'kind = "repay"\nmax_actions_per_day = 1000'
            )
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=more)
            async with daemon_process(config) as child:
                await wait_for_state(tmp_path, S.CONFIRMED)
                await asyncio.to_thread(
                    sink.wait_for, lambda _: any("made things worse" in text for text in notices(sink))
                )
                await a_few_ticks(box, child)
                assert len(money_requests(box.sandbox.requests)) == 1
                assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED)
                await a_few_ticks(box, child)
                assert len(money_requests(box.sandbox.requests)) == 1
                for words in (("status",), ("actions",), ("report",)):
                    said = margin_monitor(config, *words)
                    assert "STOPPED since R-" in said.out, said.out
                assert '"rule":"acts"' in margin_monitor(config, "status", "--json").out.replace(" ", "")
                await command(config, "actions", "resume")
                await wait_until_sent(box, 3)
                assert "STOPPED" not in margin_monitor(config, "actions").out
            assert "is whole" in margin_monitor(config, "actions", "verify").out
