"""Command lines within running text: the parser takes each, or it is the name of a command that needs more."""

import re

from monitor.cli.parser import COMMANDS, PROGRAM
from tests.docs.pages import CHECKOUT, PAGES, inline_code
from tests.docs.shell_lines import complaint, inline_commands

NEEDS_MORE = re.compile(r"the following arguments are required: |argument --[\w-]+: expected one argument")
"""The parser's word for a command, or an option, that is only named."""

KEY = re.compile(r"^[\w.]+ = ")
"""A key of the configuration that has the name of a command."""


def flawed_commands() -> dict[str, str]:
    """The commands of ours in the running text of all pages that could not be typed so, with what is wrong."""
    flawed = {}
    for page in PAGES:
        if page.parent.name == "reference":
            continue
        for code in inline_code(page):
            words = code.removeprefix(f"{PROGRAM} ").split()
            is_bare = not code.startswith(f"{PROGRAM} ")
            if words[0] not in COMMANDS or KEY.match(code) or (is_bare and len(words) < 2):
                continue
            said = complaint(code)
            if said is not None and not NEEDS_MORE.match(said):
                flawed[f"{page.relative_to(CHECKOUT)}: {code}"] = said
    return flawed


def test_every_command_in_running_text_can_be_typed() -> None:
    assert flawed_commands() == {}


def checkout_commands(pattern: str) -> set[str]:
    """The words after a command of a checkout, in the running text of all pages."""
    return {match[1] for page in PAGES for code in inline_code(page) if (match := re.match(pattern, code))}


def test_every_task_of_a_checkout_in_running_text_is_one() -> None:
    tasks = set(re.findall(r"^(\w+)\)$", (CHECKOUT / "dev").read_text(encoding="utf-8"), re.MULTILINE))
    named = checkout_commands(r"\./dev (\w+)")
    assert {"demo", "test"} <= named <= tasks


def test_every_target_of_make_in_running_text_is_one() -> None:
    rules = re.findall(r"^([\w -]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert checkout_commands(r"make ([a-z]+)") <= {target for rule in rules for target in rule.split()}


def test_every_module_that_running_text_calls_can_be_called() -> None:
    modules = checkout_commands(r"python -m ((?:docs|tests|benchmarks)[\w.]*)")
    assert "docs.generate.reference" in modules
    for module in modules:
        source = CHECKOUT / f"{module.replace('.', '/')}.py"
        assert 'if __name__ == "__main__":' in source.read_text(encoding="utf-8"), module


def test_whole_commands_in_running_text_are_found() -> None:
    found = inline_commands()
    assert "margin-monitor history worst_level_1d --since 7d" in found
    assert "margin-monitor drill RULE" not in found
    assert "margin-monitor actions resolve" not in found
