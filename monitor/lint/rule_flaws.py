"""Flaws of a single rule: it can never fire or never resolve, or its hysteresis is inverted."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import groupby

from monitor.core.rules.parser import Condition
from monitor.core.rules.rule import Rule
from monitor.lint.flaws import Flaw, LintInput
from monitor.lint.sample_states import SampleState, is_condition_met, list_metric_names, sample_states

PEG_METRICS = frozenset({"peg_deviation", "peg_ratio"})


def rule_flaws(lint_input: LintInput) -> Iterator[Flaw]:
    """Yield the flaws of each rule."""
    for rule in lint_input.rules:
        reason = _why_never(rule, lint_input)
        if reason is not None:
            yield Flaw("never-fires", "error", f"it can never fire: {reason}", "correct it, or remove it", rule.name)
        elif rule.clear is not None:
            yield from _hysteresis(rule, rule.clear, lint_input)


def _why_never(rule: Rule, lint_input: LintInput) -> str | None:
    if rule.name not in lint_input.default_rules and (reason := _why_no_subject(rule, lint_input)) is not None:
        return reason
    tried = (
        sample
        for scope in rule.scopes
        for thresholds in lint_input.thresholds_of(scope)
        for sample in sample_states([rule.when], thresholds)
    )
    if any(is_condition_met(rule.when, sample) for sample in tried):
        return None
    return f"`{rule.when.text}` holds in no state of an account that is not liquidated yet"


def _why_no_subject(rule: Rule, lint_input: LintInput) -> str | None:
    """Reason why no subject exists to which the rule applies; None if one may exist."""
    if lint_input.pegged_assets is not None and rule.scopes == ("asset",) and PEG_METRICS & set(rule.metric_names):
        fitting = [
            name for name in lint_input.pegged_assets if any(fnmatchcase(name, pattern) for pattern in rule.assets)
        ]
        return None if fitting else "none of its assets is pegged to another"
    mine = [
        account
        for account in lint_input.accounts
        if any(fnmatchcase(account.account, pattern) for pattern in rule.accounts)
    ]
    if not mine or any(scope not in ("cross", "isolated") for scope in rule.scopes):
        return None
    if "cross" in rule.scopes and any(account.cross for account in mine):
        return None
    if "isolated" not in rule.scopes:
        return "no account that it looks at has cross = true"
    pairs = [account.pairs for account in mine]
    if None in pairs or any(
        fnmatchcase(pair, pattern) for listed in pairs if listed for pair in listed for pattern in rule.symbols
    ):
        return None
    return "none of the pairs that are watched is one of its symbols"


def _hysteresis(rule: Rule, clear: Condition, lint_input: LintInput) -> Iterator[Flaw]:
    """Yield a flaw if `when` and `clear` hold together, or if `clear` never resolves the alert.

    Overlaps are searched along the first metric that both conditions read, and only where this metric decides: another
    part of `when` may hold by itself.
    """
    shared = next((name for name in rule.when.metric_names if name in clear.metric_names), None)
    both = (rule.when, clear)
    clears = False
    for scope in rule.scopes:
        for thresholds in lint_input.thresholds_of(scope):
            tried = sample_states(both, thresholds, shared)
            for _, line in groupby(tried, key=lambda sample: _other_values(sample, shared, both)):
                found = [(is_condition_met(rule.when, sample), is_condition_met(clear, sample)) for sample in line]
                clears = clears or any(resolved and not fires for fires, resolved in found)
                decides = shared is not None and len({fires for fires, _ in found}) == 2
                if decides and any(fires and resolved for fires, resolved in found):
                    detail = f"its hysteresis is upside down: `{clear.text}` holds while `{rule.when.text}` does"
                    yield Flaw("hysteresis", "error", detail, "put `clear` on the safe side of `when`", rule.name)
                    return
    if not clears:
        detail = f"once it fires it never resolves: `{clear.text}` holds nowhere"
        yield Flaw("hysteresis", "error", detail, "correct `clear`", rule.name)


def _other_values(sample: SampleState, shared: str | None, both: tuple[Condition, Condition]) -> tuple[object, ...]:
    return tuple(sample[name] for name in list_metric_names(both) if name != shared)
