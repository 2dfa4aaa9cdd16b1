"""Flaws of actions: targets below the trigger of their own rule, and caps too small to help."""

from collections.abc import Iterator
from decimal import Decimal

from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import evaluate_target
from monitor.core.numbers.amounts import ZERO, format_decimal
from monitor.core.rules.rule import Rule
from monitor.lint.flaws import Flaw, LintInput
from monitor.lint.sample_states import SampleReader, is_condition_met, state_at_level

MIN_USEFUL_USDT = Decimal(10)
"""Smallest order of use, in USDT: a smaller one helps no account that is worth monitoring."""

MIN_LEVEL_RISE = Decimal("0.01")
"""Least rise of the margin level that one order should bring, where the debt is known."""

_CAP_KEYS = ("max_amount", "max_amount_usdt", "max_per_day", "amount")


def action_flaws(lint_input: LintInput) -> Iterator[Flaw]:
    """Yield the flaws of each action: first those of its target with its rule, then those of its caps."""
    specs = {spec.name: spec for spec in lint_input.actions}
    for rule in lint_input.rules:
        for name in rule.actions:
            if name in specs:
                yield from _target_flaws(rule, specs[name], lint_input)
    for spec in lint_input.actions:
        yield from _cap_flaws(spec, lint_input)


def _target_flaws(rule: Rule, spec: ActionSpec, lint_input: LintInput) -> Iterator[Flaw]:
    """Yield a flaw if the rule still holds at the target: the action would stop while its alert goes on firing."""
    target = spec.sizing_target if spec.kind != "cancel_orders" else None
    for scope in rule.scopes:
        if target is None or scope not in ("cross", "isolated") or "margin_level" not in rule.when.metric_names:
            continue
        reached = []
        for thresholds in lint_input.thresholds_of(scope):
            level = evaluate_target(target, SampleReader(state_at_level(thresholds.initial, thresholds)))
            reached.append(
                isinstance(level, Decimal)
                and level > ZERO
                and is_condition_met(rule.when, state_at_level(level, thresholds))
            )
        if reached and all(reached):
            detail = (
                f'the target of its action "{spec.name}", `{target.text}`, lies below its own trigger '
                f"`{rule.when.text}` ({scope})"
            )
            yield Flaw("target", "error", detail, "raise the target above the trigger, or lower the trigger", rule.name)
            return


def _cap_flaws(spec: ActionSpec, lint_input: LintInput) -> Iterator[Flaw]:
    """Yield a flaw for the first cap that is too small, in USDT, for one useful repayment."""
    for key in _CAP_KEYS:
        cap: Decimal | None = getattr(spec, key)
        if cap is None:
            continue
        asset = "USDT" if key == "max_amount_usdt" or spec.asset is None else spec.asset
        price = lint_input.prices_usdt.get(asset)
        reason = None if price is None else _why_useless(cap * price, lint_input.largest_debt_usdt)
        if reason is not None:
            detail = (
                f'action "{spec.name}": {key} = {format_decimal(cap)} {asset} is too small for one useful repayment: '
                f"{reason}"
            )
            yield Flaw("small-cap", "warning", detail, "raise it, or remove the action")
            return


def _why_useless(value: Decimal, owed: Decimal | None) -> str | None:
    if value < MIN_USEFUL_USDT:
        return f"less than {format_decimal(MIN_USEFUL_USDT)} USDT"
    # Repaying v of a debt L at level m raises the level by v·(m − 1) ÷ (L − v); at 1.4, halfway down, that is:
    if owed is not None and value < owed and value * Decimal("0.4") / (owed - value) < MIN_LEVEL_RISE:
        debt = format_decimal(owed.quantize(Decimal(1)))
        return f"of {debt} USDT owed it raises the level by less than {format_decimal(MIN_LEVEL_RISE)}"
    return None
