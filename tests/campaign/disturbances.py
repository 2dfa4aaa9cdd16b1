"""What else befalls a run, drawn by chance, one of them in every seed: stalls around a claim, clock steps, restores,
second daemons, foreign hands, wrong keys.

In every other seed there is one more, drawn from numbers of its own so that the rest of a seed stays as it was: orders
that make things worse, a suspended machine, a restore right after an order, a lost database.
"""

import random
from dataclasses import dataclass
from typing import Literal

Meanwhile = Literal["", "price back", "pause", "pause file"]
HandAct = Literal["repay", "repay nearly the same", "bring in", "bring in nearly the same", "take out", "borrow"]
Right = Literal["trading", "margin", "transfer", "reading", "address"]


@dataclass(frozen=True, slots=True)
class Stall:
    """The daemon stands still, or its database is locked, from around the claim of its n-th order on.

    Which begins `jitter_s` after the last read before a claim. `meanwhile` is what happens halfway.
    """

    how: Literal["stopped", "locked"]
    nth: int
    jitter_s: float
    lasts_s: float
    meanwhile: Meanwhile


@dataclass(frozen=True, slots=True)
class Suspend:
    """The daemon's machine is suspended for so many of its seconds, as `Stall` says when. None of them is waited for:
    the clocks of both sides go on by that much while the daemon stands still."""

    nth: int
    jitter_s: float
    lasts_s: float
    meanwhile: Meanwhile


@dataclass(frozen=True, slots=True)
class TakeMore:
    """From a moment on the first orders that are carried out take `share` of their amount once more out of the account.

    After `resumed_s` the owner lets the actions go on; None: only at the end.
    """

    at_s: float
    path: Literal["repay", "transfer"]
    nth: int
    count: int
    share: float
    resumed_s: float | None


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock of the daemon's machine is set by so many seconds of that machine; at 0 it is so from the start.

    `during_order`: at the first order after that moment.
    """

    at_s: float
    seconds: float
    during_order: bool = False


@dataclass(frozen=True, slots=True)
class Restore:
    """A backup is taken, and put in the place of the database later; after `resumed_after_s` the owner resumes.

    `after_order`: right after the next order that arrives then, instead of at `restored_s`. `is_lost`: there is no
    backup, and a new database begins, after a while in which no daemon runs.
    """

    backup_s: float
    restored_s: float
    is_killed: bool
    resumed_after_s: float
    after_order: bool = False
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class SecondDaemon:
    """Another daemon on the same database; where the first is killed meanwhile it `takes_over`, or is sent away."""

    at_s: float
    lasts_s: float
    takes_over: bool


@dataclass(frozen=True, slots=True)
class SecondDatabase:
    """Another daemon with the same actions, a database of its own, and another key of the same account."""

    at_s: float
    lasts_s: float


@dataclass(frozen=True, slots=True)
class ForeignHand:
    """A person does something at the exchange, so long after the n-th order of ours arrived there."""

    nth: int
    jitter_s: float
    act: HandAct


@dataclass(frozen=True, slots=True)
class WrongKey:
    """From one moment to another the key that acts is that of another account; at 0 it is so from the start."""

    at_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class LostRight:
    """The key lacks a right, or is refused from this address, from one moment to another."""

    at_s: float
    until_s: float
    right: Right


Disturbance = (
    Stall
    | Suspend
    | TakeMore
    | ClockStep
    | Restore
    | SecondDaemon
    | SecondDatabase
    | ForeignHand
    | WrongKey
    | LostRight
)


def disturbances_of(seed: int, active_s: float) -> tuple[Disturbance, ...]:
    """What befalls the run of a seed beside what its plan says: of one kind, sometimes of two."""
    chance = random.Random(f"strains of {seed}")
    kinds = dict.fromkeys(chance.sample(DRAWN, 2 if chance.random() < 0.3 else 1))
    drawn = tuple(strain for draw in kinds for strain in draw(chance, active_s))
    return drawn + _more(random.Random(f"more strains of {seed}"), active_s, drawn)


def _more(chance: random.Random, active_s: float, drawn: tuple[Disturbance, ...]) -> tuple[Disturbance, ...]:
    """One kind more in every other seed, where it can be beside what was `drawn`: one thing at a time stops a daemon,
    or puts another database in the place of the first."""
    draw = chance.choice(DRAWN_BESIDE)
    if chance.random() < 0.5 or (draw, True) in {
        (_suspends, any(isinstance(one, Stall) for one in drawn)),
        (_restores_after_order, any(isinstance(one, Restore | SecondDaemon) for one in drawn)),
    }:
        return ()
    return tuple(draw(chance, active_s))


def _stalls(chance: random.Random, active_s: float) -> list[Disturbance]:
    del active_s
    found: list[Disturbance] = []
    for nth in range(1, chance.choice([2, 3, 4])):
        how = chance.choice(["stopped", "stopped", "locked"])
        events: list[Meanwhile] = ["", "price back", "price back", "pause file"]
        if how == "stopped":
            events.append("pause")
        found.append(
            Stall(
                how="stopped" if how == "stopped" else "locked",
                nth=nth,
                jitter_s=chance.choice([0.0, chance.uniform(0, 0.02), chance.uniform(0, 0.1)]),
                lasts_s=chance.uniform(0.3, 3.5),
                meanwhile=chance.choice(events),
            )
        )
    return found


def _clock_steps(chance: random.Random, active_s: float) -> list[Disturbance]:
    begins_with: list[Disturbance] = []
    if chance.random() < 0.4:
        begins_with = [ClockStep(0.0, chance.choice([-120.0, -10.0, 25.0, 300.0]))]
    sizes = [-86_400.0, -3600.0, -600.0, -30.0, -2.0, 2.0, 30.0, 600.0, 3600.0, 86_400.0]
    steps = [
        ClockStep(chance.uniform(0.2, active_s), chance.choice(sizes), chance.random() < 0.5)
        for _ in range(chance.choice([1, 1, 2]))
    ]
    return [*begins_with, *steps]


def _restores(chance: random.Random, active_s: float) -> list[Disturbance]:
    backup_s = chance.uniform(0.2, active_s * 0.5)
    restored_s = chance.uniform(backup_s + 0.5, active_s * 0.8)
    return [Restore(backup_s, restored_s, chance.random() < 0.5, chance.uniform(0.2, 1.5))]


def _second_daemons(chance: random.Random, active_s: float) -> list[Disturbance]:
    at_s = chance.uniform(0.1, active_s * 0.6)
    return [SecondDaemon(at_s, chance.uniform(0.5, 3), chance.random() < 0.5)]


def _second_databases(chance: random.Random, active_s: float) -> list[Disturbance]:
    at_s = chance.uniform(0, active_s * 0.5)
    return [SecondDatabase(at_s, chance.uniform(1.5, 4))]


def _foreign_hands(chance: random.Random, active_s: float) -> list[Disturbance]:
    del active_s
    acts: tuple[HandAct, ...] = (
        "repay", "repay nearly the same", "bring in", "bring in nearly the same", "take out", "borrow",
    )  # fmt: skip
    return [
        ForeignHand(nth, chance.choice([0.0, chance.uniform(0, 0.05), chance.uniform(0, 0.5)]), chance.choice(acts))
        for nth in range(1, chance.choice([2, 3, 4]))
    ]


def _wrong_keys(chance: random.Random, active_s: float) -> list[Disturbance]:
    at_s = chance.choice([0.0, chance.uniform(0.3, active_s * 0.6)])
    return [WrongKey(at_s, chance.uniform(at_s + 0.5, active_s))]


def _lost_rights(chance: random.Random, active_s: float) -> list[Disturbance]:
    rights: tuple[Right, ...] = ("trading", "margin", "transfer", "reading", "address")
    at_s = chance.uniform(0, active_s * 0.7)
    return [LostRight(at_s, at_s + chance.uniform(0.3, 2), chance.choice(rights))]


def _suspends(chance: random.Random, active_s: float) -> list[Disturbance]:
    del active_s
    events: tuple[Meanwhile, ...] = ("", "price back", "pause", "pause file")
    return [
        Suspend(
            nth=nth,
            jitter_s=chance.choice([0.0, chance.uniform(0, 0.02), chance.uniform(0, 0.1)]),
            lasts_s=chance.choice([1.0, 4.0, 20.0, 80.0, 240.0]),
            meanwhile=chance.choice(events),
        )
        for nth in range(1, chance.choice([2, 3]))
    ]


def _takes_more(chance: random.Random, active_s: float) -> list[Disturbance]:
    at_s = chance.uniform(0, active_s * 0.3)
    return [
        TakeMore(
            at_s=at_s,
            path="repay" if chance.random() < 0.7 else "transfer",
            nth=chance.choice([1, 1, 2]),
            count=chance.choice([1, 1, 3]),
            share=chance.choice([0.1, 2.0, 200.0, 200.0]),
            resumed_s=chance.choice([None, at_s + chance.uniform(1, 3)]),
        )
    ]


def _restores_after_order(chance: random.Random, active_s: float) -> list[Disturbance]:
    backup_s = chance.uniform(0, 0.5)
    return [
        Restore(
            backup_s,
            active_s,
            chance.random() < 0.5,
            chance.choice([0.0, chance.uniform(0, 1)]),
            after_order=True,
            is_lost=chance.random() < 0.4,
        )
    ]


DRAWN = (
    _stalls, _stalls, _clock_steps, _clock_steps, _restores, _restores, _second_daemons, _second_databases,
    _foreign_hands, _foreign_hands, _wrong_keys, _lost_rights,
)  # fmt: skip
"""Six kinds of trouble, a sixth of the seeds each."""

DRAWN_BESIDE = (_takes_more, _takes_more, _suspends, _restores_after_order)
