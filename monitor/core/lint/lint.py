"""All flaws of a set-up."""

from monitor.core.lint.alone import flaws_alone
from monitor.core.lint.ears import ear_flaws
from monitor.core.lint.flaws import Flaw, Setup
from monitor.core.lint.hands import hand_flaws
from monitor.core.lint.ladders import ladder_flaws


def lint(setup: Setup) -> tuple[Flaw, ...]:
    """What is to be mended, errors first."""
    found = (*flaws_alone(setup), *ladder_flaws(setup), *hand_flaws(setup), *ear_flaws(setup))
    return tuple(sorted(found, key=lambda flaw: flaw.result != "error"))
