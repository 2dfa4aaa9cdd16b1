"""`rules test`: rule tests of files, run in virtual time by the daemon's engine."""

import argparse
import os
from functools import cache, partial
from pathlib import Path

from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.config import policies
from monitor.config.simulation.rule_tests import read_rule_tests
from monitor.errors import ExitCode
from monitor.simulation.rule_test_result import run_rule_test
from monitor.view.documents.rule_tests import test_result_document, test_results_document
from monitor.view.documents.types.simulations import RuleTestDocument
from monitor.view.terminal.rule_tests import difference_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="a TOML file with [[tests]]")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    usual = cache(partial(config_option.read_config, args))
    # All files are read before the first test runs: an error in the last file is reported at once.
    files = [(name, read_rule_tests(Path(name), usual, os.environ)) for name in args.files]
    items: list[RuleTestDocument] = []
    for name, file in files:
        hears = policies.severities_by_channel(file.config)
        for test in file.tests:
            verdict = run_rule_test(test, policies.build_policy(file.config, test.account), hears)
            items.append(test_result_document(name, verdict))
            if not args.json:
                output.print_line(
                    f"{'ok' if verdict.is_ok else 'FAILED'} {name}: {test.name}", "good" if verdict.is_ok else "bad"
                )
                for line in difference_lines(verdict):
                    output.print_line(line)
    document = test_results_document(items)
    if args.json:
        output.print_json(document)
    else:
        output.print_line(f"{document['passed']} passed, {document['failed']} failed")
    return ExitCode.NO if document["failed"] else ExitCode.DONE
