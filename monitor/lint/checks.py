"""All checks of lint over one configuration."""

from monitor.lint.action_flaws import action_flaws
from monitor.lint.channel_flaws import channel_flaws
from monitor.lint.flaws import Flaw, LintInput
from monitor.lint.ladder_flaws import ladder_flaws
from monitor.lint.rule_flaws import rule_flaws


def run_checks(lint_input: LintInput) -> tuple[Flaw, ...]:
    """All flaws of the input, errors first."""
    found = (*rule_flaws(lint_input), *ladder_flaws(lint_input), *action_flaws(lint_input), *channel_flaws(lint_input))
    return tuple(sorted(found, key=lambda flaw: flaw.result != "error"))
