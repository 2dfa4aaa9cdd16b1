"""`rules list`: every rule in force with the number of its subjects."""

import argparse
from collections.abc import Mapping

from monitor.app.database import open_reader
from monitor.app.documents.rules import rule_list_document
from monitor.app.documents.status import read_accounts
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.config.model import Config
from monitor.core.numbers.durations import format_duration, from_seconds
from monitor.core.rules.rule import Rule
from monitor.errors import ExitCode, StoreError
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.rules import RuleDocument
from monitor.view.terminal.table import SEVERITY_TONES, Cell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, lists=True)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    recorded = _read_accounts(config)
    document = rule_list_document(config, recorded)
    if output.wants_json_list(args):
        output.print_list(args, document)
        return ExitCode.DONE
    headings = ("rule", "scope", "when", "for", "severity", "channels", "actions", "subjects")
    output.print_table(
        headings, [_row(rule, item) for rule, item in zip(config.rules, document["items"], strict=True)], right=(7,)
    )
    if not recorded:
        output.print_line("subjects are those that the configuration names, since nothing is recorded yet", "dim")
    return ExitCode.DONE


def _read_accounts(config: Config) -> Mapping[str, AccountDocument]:
    try:
        with open_reader(config) as store:
            return read_accounts(store)
    except StoreError:
        # The rules are the configuration's; a database only adds their subjects.
        return {}


def _row(rule: Rule, item: RuleDocument) -> list[str | Cell]:
    return [
        Cell(rule.name, "strong"),
        ", ".join(rule.scopes),
        rule.when.text,
        format_duration(from_seconds(rule.for_s)) if rule.for_s else "",
        Cell(rule.severity, SEVERITY_TONES[rule.severity]),
        "all" if rule.channels is None else ", ".join(rule.channels),
        ", ".join(rule.actions),
        Cell(str(item["subjects"]), "" if item["subjects"] else "dim"),
    ]
