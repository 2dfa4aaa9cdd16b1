"""`rules lint`: flaws of rules, actions and channels."""

import argparse

from monitor.cli import config_option, output
from monitor.cli.lint_input import find_flaws
from monitor.cli.parser import add_json
from monitor.errors import ExitCode
from monitor.lint.flaws import Flaw
from monitor.view.documents.types.rules import FlawDocument, LintDocument
from monitor.view.terminal.table import Cell, Tone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    flaws = find_flaws(config)
    if args.json:
        document: LintDocument = {"ok": not flaws, "items": [_flaw_document(flaw) for flaw in flaws]}
        output.print_json(document)
    elif flaws:
        styles: dict[str, Tone] = {"warning": "note", "error": "bad"}
        rows = [
            (flaw.rule or "", Cell(flaw.result, styles[flaw.result]), f"{flaw.detail}; {flaw.mend}") for flaw in flaws
        ]
        output.print_table(("rule", "result", "detail"), rows)
    else:
        output.print_line(f"{len(config.rules)} rules, nothing to mend", "good")
    return ExitCode.NO if flaws else ExitCode.DONE


def _flaw_document(flaw: Flaw) -> FlawDocument:
    document: FlawDocument = {"kind": flaw.kind, "result": flaw.result, "detail": flaw.detail, "mend": flaw.mend}
    return document if flaw.rule is None else {"rule": flaw.rule, **document}
