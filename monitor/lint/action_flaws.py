"""Flaws of actions: a target that their own rule calls danger, and caps that leave nothing of use."""

from collections.abc import Iterator
from decimal import Decimal

from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import level_wanted
from monitor.core.numbers.amounts import ZERO, plain
from monitor.core.rules.rule import Rule
from monitor.lint.flaws import Flaw, Setup
from monitor.lint.sample_states import Reader, at_level, holds

LEAST_USEFUL = Decimal(10)
"""USDT: an order of less moves no account that could be liquidated for a sum worth watching."""

LEAST_RISE = Decimal("0.01")
"""By how much one order should raise the level, where the debt is known."""

_CAPS = ("max_amount", "max_amount_usdt", "max_per_day", "amount")


def hand_flaws(setup: Setup) -> Iterator[Flaw]:
    """The flaws of each action, those with its rule first."""
    specs = {spec.name: spec for spec in setup.actions}
    for rule in setup.rules:
        for name in rule.actions:
            if name in specs:
                yield from _target(rule, specs[name], setup)
    for spec in setup.actions:
        yield from _caps(spec, setup)


def _target(rule: Rule, spec: ActionSpec, setup: Setup) -> Iterator[Flaw]:
    """Where the target is reached the rule must have let go, else the action ends what it never began."""
    target = spec.sized_to if spec.kind != "cancel_orders" else None
    for scope in rule.scopes:
        if target is None or scope not in ("cross", "isolated") or "margin_level" not in rule.when.names:
            continue
        reached = []
        for bars in setup.bars_of(scope):
            level = level_wanted(target, Reader(at_level(bars.initial, bars)))
            reached.append(isinstance(level, Decimal) and level > ZERO and holds(rule.when, at_level(level, bars)))
        if reached and all(reached):
            detail = (
                f'the target of its action "{spec.name}", `{target.text}`, lies below its own trigger '
                f"`{rule.when.text}` ({scope})"
            )
            yield Flaw("target", "error", detail, "raise the target above the trigger, or lower the trigger", rule.name)
            return


def _caps(spec: ActionSpec, setup: Setup) -> Iterator[Flaw]:
    """The smallest of its caps, in USDT, against what is of use."""
    for key in _CAPS:
        cap: Decimal | None = getattr(spec, key)
        if cap is None:
            continue
        asset = "USDT" if key == "max_amount_usdt" or spec.asset is None else spec.asset
        price = setup.worth.get(asset)
        reason = None if price is None else _why_useless(cap * price, setup.owed)
        if reason is not None:
            detail = (
                f'action "{spec.name}": {key} = {plain(cap)} {asset} is too small for one useful repayment: {reason}'
            )
            yield Flaw("small-cap", "warning", detail, "raise it, or remove the action")
            return


def _why_useless(value: Decimal, owed: Decimal | None) -> str | None:
    if value < LEAST_USEFUL:
        return f"less than {plain(LEAST_USEFUL)} USDT"
    # Repaying v of a debt L at level m raises the level by v·(m − 1) ÷ (L − v); at 1.4, halfway down, that is:
    if owed is not None and value < owed and value * Decimal("0.4") / (owed - value) < LEAST_RISE:
        return f"of {plain(owed.quantize(Decimal(1)))} USDT owed it raises the level by less than {plain(LEAST_RISE)}"
    return None
