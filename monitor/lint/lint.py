"""All flaws of a set-up."""

from monitor.lint.action_flaws import hand_flaws
from monitor.lint.channel_flaws import ear_flaws
from monitor.lint.flaws import Flaw, Setup
from monitor.lint.ladder_flaws import ladder_flaws
from monitor.lint.rule_flaws import flaws_alone


def lint(setup: Setup) -> tuple[Flaw, ...]:
    """What is to be mended, errors first."""
    found = (*flaws_alone(setup), *ladder_flaws(setup), *hand_flaws(setup), *ear_flaws(setup))
    return tuple(sorted(found, key=lambda flaw: flaw.result != "error"))
