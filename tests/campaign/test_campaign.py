"""The campaign in short: some seeds, and every one that ever failed."""

from pathlib import Path
from typing import get_args

import pytest

from monitor.config.loading import load_config
from monitor.errors import ConfigError
from tests.campaign.__main__ import main
from tests.campaign.config_edits import DELISTED, Delisting, Flaw, RefusedConfig, RemovedAction
from tests.campaign.config_variants import add_flaw, put_back_action, remove_flaw, take_out_action
from tests.campaign.disturbances import (
    ClockStep,
    Disturbance,
    ForeignHand,
    LostRight,
    Restore,
    SecondDaemon,
    SecondDatabase,
    Stall,
    Suspend,
    TakeMore,
    WrongKey,
)
from tests.campaign.plan import plan_of
from tests.campaign.seed_player import Outcome, as_line, play, write_run_config
from tests.support.sandbox import sandbox

KINDS = {
    Stall: "stall",
    ClockStep: "clock",
    Restore: "restore",
    SecondDaemon: "daemon",
    SecondDatabase: "daemon",
    ForeignHand: "hand",
    WrongKey: "key",
    LostRight: "key",
}

BESIDE = ("worse", "suspend", "restore after an order", "lost database")

SHORT = range(101, 107)


def regressions() -> list[int]:
    """The seeds that once failed, as they are listed."""
    lines = (Path(__file__).parent / "regressions.txt").read_text(encoding="utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


@pytest.mark.slow
@pytest.mark.campaign
@pytest.mark.parametrize("seed", [*regressions(), *SHORT])
def test_no_violation_in_any_seed(seed: int, tmp_path: Path) -> None:
    assert play(seed, tmp_path).violations == ()


@pytest.mark.parametrize(("sent", "code"), [(2, 0), (0, 1)])
def test_a_campaign_that_sent_hardly_anything_fails(
    sent: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text("".join(as_line(Outcome(seed, 6.0, (), {"sent": sent})) + "\n" for seed in range(1, 61)))
    monkeypatch.setattr("sys.argv", ["campaign", "--seeds", "60", "--results", str(results)])
    assert main() == code
    assert ("only 0 of them sent anything" in capsys.readouterr().out) is bool(code)


def test_a_seed_always_plans_the_same() -> None:
    first, again = plan_of(7), plan_of(7)
    assert (first.timed, first.kills, first.rules, first.actions, first.strains) == (
        again.timed,
        again.kills,
        again.rules,
        again.actions,
        again.strains,
    )


def test_seeds_cover_every_kill_instant_and_fault() -> None:
    plans = [plan_of(seed) for seed in range(1, 300)]
    assert {kill.trigger for plan in plans for kill in plan.kills} == {"time", "asked", "log"}
    troubles = {getattr(each.what, "what", each.what) for plan in plans for each in plan.timed}
    assert troubles >= {
        "cut_after",
        "cut_before",
        "apply_late",
        "hang",
        "ban",
        "drop",
        "half_open",
        "pause",
        "pause file",
    }
    assert {action.limits.kind for plan in plans for action in plan.actions} == {
        "repay",
        "transfer_in",
        "reduce",
        "cancel_orders",
    }
    assert {action.mode for plan in plans for action in plan.actions} == {"live", "approve"}


def test_disturbances_are_evenly_spread_over_seeds() -> None:
    """A sixth of the seeds each, some of them two."""
    drawn = [{kind_of(strain) for strain in plan_of(seed).strains} for seed in range(1, 601)]
    assert all(kinds - {*BESIDE} for kinds in drawn)
    for kind in set(KINDS.values()):
        assert sum(kind in kinds for kinds in drawn) >= 80, kind


def test_some_seeds_have_orders_that_make_things_worse_suspends_and_lost_databases_besides() -> None:
    drawn = [{kind_of(strain) for strain in plan_of(seed).strains} for seed in range(1, 601)]
    for kind in BESIDE:
        assert sum(kind in kinds for kinds in drawn) >= 15, kind


def test_edits_of_the_configuration_are_drawn_in_many_seeds() -> None:
    plans = [plan_of(seed) for seed in range(1, 601)]
    for kind, least in ((RemovedAction, 60), (RefusedConfig, 20), (Delisting, 30)):
        assert sum(isinstance(edit, kind) for plan in plans for edit in plan.edits) >= least, kind
    delisted = [plan for plan in plans if any(isinstance(edit, Delisting) for edit in plan.edits)]
    brings_in = [action for plan in delisted for action in plan.actions if f'asset = "{DELISTED}"' in action.lines]
    assert len(brings_in) >= 10


async def configured(folder: Path) -> Path:
    """The configuration of a seed with two actions under one rule."""
    plan = next(plan for plan in map(plan_of, range(1, 100)) if sum(a.rule == "cross" for a in plan.actions) >= 2)
    async with sandbox(plan.scenario) as box:
        return write_run_config(folder, plan, box.ready, "http://127.0.0.1:1")


async def test_action_taken_out_is_put_back(tmp_path: Path) -> None:
    config = await configured(tmp_path)
    text, before = config.read_text(), load_config(config, {})
    name = before.actions[0].name
    take_out_action(config, name)
    without = load_config(config, {})
    assert [action.name for action in without.actions] == [action.name for action in before.actions[1:]]
    assert all(name not in rule.actions for rule in without.rules)
    put_back_action(config, name)
    assert config.read_text() == text


@pytest.mark.parametrize("flaw", get_args(Flaw))
async def test_configuration_with_a_flaw_is_refused(flaw: Flaw, tmp_path: Path) -> None:
    config = await configured(tmp_path)
    text = config.read_text()
    add_flaw(config, flaw)
    with pytest.raises(ConfigError):
        load_config(config, {})
    remove_flaw(config)
    assert config.read_text() == text


def kind_of(strain: Disturbance) -> str:
    match strain:
        case TakeMore():
            return "worse"
        case Suspend():
            return "suspend"
        case Restore(is_lost=True):
            return "lost database"
        case Restore(after_order=True):
            return "restore after an order"
    return KINDS[type(strain)]
