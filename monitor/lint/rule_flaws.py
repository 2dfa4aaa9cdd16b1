"""Flaws of a rule by itself: it can never fire, or its hysteresis is upside down."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import groupby

from monitor.core.rules.parser import Condition
from monitor.core.rules.rule import Rule
from monitor.lint.flaws import Flaw, Setup
from monitor.lint.sample_states import World, holds, names_of, worlds

PEGS = frozenset({"peg_deviation", "peg_ratio"})


def flaws_alone(setup: Setup) -> Iterator[Flaw]:
    """The flaws of each rule."""
    for rule in setup.rules:
        reason = _why_never(rule, setup)
        if reason is not None:
            yield Flaw("never-fires", "error", f"it can never fire: {reason}", "correct it, or remove it", rule.name)
        elif rule.clear is not None:
            yield from _hysteresis(rule, rule.clear, setup)


def _why_never(rule: Rule, setup: Setup) -> str | None:
    if rule.name not in setup.shipped and (reason := _why_nowhere(rule, setup)) is not None:
        return reason
    tried = (world for scope in rule.scopes for bars in setup.bars_of(scope) for world in worlds([rule.when], bars))
    if any(holds(rule.when, world) for world in tried):
        return None
    return f"`{rule.when.text}` holds in no state of an account that is not liquidated yet"


def _why_nowhere(rule: Rule, setup: Setup) -> str | None:
    """Why there is nothing that the rule could look at; None when there may be."""
    if setup.pegged is not None and rule.scopes == ("asset",) and PEGS & set(rule.names):
        fitting = [name for name in setup.pegged if any(fnmatchcase(name, pattern) for pattern in rule.assets)]
        return None if fitting else "none of its assets is pegged to another"
    mine = [each for each in setup.watched if any(fnmatchcase(each.account, pattern) for pattern in rule.accounts)]
    if not mine or any(scope not in ("cross", "isolated") for scope in rule.scopes):
        return None
    if "cross" in rule.scopes and any(each.cross for each in mine):
        return None
    if "isolated" not in rule.scopes:
        return "no account that it looks at has cross = true"
    pairs = [each.pairs for each in mine]
    if None in pairs or any(
        fnmatchcase(pair, pattern) for listed in pairs if listed for pair in listed for pattern in rule.symbols
    ):
        return None
    return "none of the pairs that are watched is one of its symbols"


def _hysteresis(rule: Rule, clear: Condition, setup: Setup) -> Iterator[Flaw]:
    """One flaw when `when` and `clear` hold together, or when nothing resolves the alert.

    Looked at along the metric that both read first, and only where it is that which decides: another part of the
    condition may hold it up by itself.
    """
    shared = next((name for name in rule.when.names if name in clear.names), None)
    both = (rule.when, clear)
    clears = False
    for scope in rule.scopes:
        for bars in setup.bars_of(scope):
            tried = worlds(both, bars, shared)
            for _, line in groupby(tried, key=lambda world: _without(world, shared, both)):
                found = [(holds(rule.when, world), holds(clear, world)) for world in line]
                clears = clears or any(resolved and not fires for fires, resolved in found)
                decides = shared is not None and len({fires for fires, _ in found}) == 2
                if decides and any(fires and resolved for fires, resolved in found):
                    detail = f"its hysteresis is upside down: `{clear.text}` holds while `{rule.when.text}` does"
                    yield Flaw("hysteresis", "error", detail, "put `clear` on the safe side of `when`", rule.name)
                    return
    if not clears:
        detail = f"once it fires it never resolves: `{clear.text}` holds nowhere"
        yield Flaw("hysteresis", "error", detail, "correct `clear`", rule.name)


def _without(world: World, shared: str | None, both: tuple[Condition, Condition]) -> tuple[object, ...]:
    return tuple(world[name] for name in names_of(both) if name != shared)
