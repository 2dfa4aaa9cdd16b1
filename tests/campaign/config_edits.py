"""Edits of the configuration during a run, and assets that are to be delisted.

Drawn in some seeds, from numbers of their own, so that the rest of a seed stays as it was.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from monitor.sandbox.scenario.scenario import Scenario

Flaw = Literal["unknown key", "stale_after", "unknown channel", "syntax"]

EDITED_SHARE = 0.3
"""Share of the seeds in which any of this is drawn."""

DELISTED = "BTC"
"""Every scope holds more of it than it owes: nothing of it may be brought in once it is to be delisted."""


@dataclass(frozen=True, slots=True)
class RemovedAction:
    """An action is taken out of the configuration, and put back later.

    After the n-th order of ours arrived, and `jitter_s`; `nth` 0: at `at_s`. `is_reloaded`: the daemon is told to load
    it; otherwise the next start finds it. `place`: of which action, counted round.
    """

    place: int
    nth: int
    at_s: float
    jitter_s: float
    back_s: float
    is_reloaded: bool


@dataclass(frozen=True, slots=True)
class RefusedConfig:
    """From one moment to another the configuration has a flaw, with which the daemon is told to load it."""

    at_s: float
    until_s: float
    flaw: Flaw


@dataclass(frozen=True, slots=True)
class Delisting:
    """From the start the exchange's schedule has `DELISTED`, and an action would bring in some of it."""

    days: int
    failures: int
    """How many reads of the schedule fail at first."""


ConfigEdit = RemovedAction | RefusedConfig | Delisting


def edits_of(seed: int, active_s: float, *, is_restored: bool) -> tuple[ConfigEdit, ...]:
    """What is drawn of this for a seed: one thing, or nothing. A restore needs a configuration that loads."""
    chance = random.Random(f"edits of {seed}")
    if chance.random() >= EDITED_SHARE:
        return ()
    edit = chance.choice((_removed_action, _removed_action, _refused_config, _delisting))(chance, active_s)
    return () if is_restored and isinstance(edit, RefusedConfig) else (edit,)


def with_delisting(scenario: Scenario, edits: Sequence[ConfigEdit], start: datetime) -> Scenario:
    """The scenario with its schedule, and with enough of the asset in spot."""
    found = [edit for edit in edits if isinstance(edit, Delisting)]
    if not found:
        return scenario
    [own, *others] = scenario.accounts
    spot = {**own.spot, DELISTED: Decimal(2)}
    leaves_at = start + timedelta(days=found[0].days)
    return replace(scenario, accounts=(replace(own, spot=spot), *others), delistings=((leaves_at, (DELISTED,), ()),))


def delisting_lines(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines of a transfer into cross, of the asset that is to be delisted."""
    changed = {"asset": f'"{DELISTED}"', "source": '["spot"]', "keep_in_source": '"0"', "use": '"auto"'}
    keys = (line.partition(" = ")[0] for line in lines)
    return tuple(f"{key} = {changed[key]}" if key in changed else line for key, line in zip(keys, lines, strict=True))


def _removed_action(chance: random.Random, active_s: float) -> ConfigEdit:
    at_s = chance.uniform(0.2, active_s * 0.6)
    return RemovedAction(
        place=chance.randint(0, 5),
        nth=chance.choice([0, 1, 1, 1, 2]),
        at_s=at_s,
        jitter_s=chance.choice([0.0, chance.uniform(0, 0.05), chance.uniform(0, 0.3)]),
        back_s=chance.uniform(0.8, 3),
        is_reloaded=chance.random() < 0.8,
    )


def _refused_config(chance: random.Random, active_s: float) -> ConfigEdit:
    at_s = chance.uniform(0.2, active_s * 0.7)
    flaws: tuple[Flaw, ...] = ("unknown key", "stale_after", "unknown channel", "syntax")
    return RefusedConfig(at_s, at_s + chance.uniform(0.3, 1.5), chance.choice(flaws))


def _delisting(chance: random.Random, active_s: float) -> ConfigEdit:
    del active_s
    return Delisting(chance.choice([1, 3, 20]), chance.choice([0, 0, 1, 3]))
