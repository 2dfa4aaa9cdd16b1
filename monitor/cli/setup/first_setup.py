"""The first set-up by questions: asked, tried, written, and checked at the end."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from monitor.app.database import upgrade_database
from monitor.cli import output
from monitor.cli.commands.check import gather_rows, print_rows
from monitor.cli.config_template import InitAnswers, config_text
from monitor.cli.parser import PROGRAM
from monitor.cli.setup.config_file import exists_error, write_config_file
from monitor.cli.setup.dialogue import SetupDialogue
from monitor.cli.setup.prompts import ask, check_terminal, confirm
from monitor.cli.setup.secret_files import move_secrets, remove_secrets, write_secrets
from monitor.config.loading import load_config
from monitor.config.model import Config
from monitor.errors import ExitCode, MonitorError


def set_up(args: argparse.Namespace, target: Path, environ: Mapping[str, str]) -> int:
    """Ask a person for everything, write it, and end with `check`, which gives the exit code."""
    check_terminal()
    answers = SetupDialogue(args, target, environ).ask_all()
    path = _write(answers, target, force=args.force)
    config = load_config(path, environ)
    _offer_database(config)
    rows = gather_rows(config, offline=False)
    print_rows(rows)
    option = f"--config {path} " if args.output or args.config or path != target else ""
    if any(row.result == "error" for row in rows):
        output.print_line(f"fix what is named above; then {PROGRAM} {option}check", "note")
        return ExitCode.NO
    output.print_line(f"no check failed; next: {PROGRAM} {option}run", "good")
    return ExitCode.DONE


def _write(answers: InitAnswers, target: Path, *, force: bool) -> Path:
    """Write secrets and configuration; return its path. Where it can't be written, another place is asked for.

    `force` is meant for the file that was named with it: a file at another place is never overwritten.
    """
    forced = target if force else None
    while True:
        moved, files = move_secrets(answers, target.parent)
        try:
            if target.exists() and target != forced:
                raise exists_error(target, mend="name a file that is not there yet")
            write_secrets(files)
            try:
                write_config_file(target, config_text(moved).encode(), force=target == forced)
            except MonitorError:
                remove_secrets(files)
                raise
        except MonitorError as error:
            output.print_error(error, as_json=False)
            target = ask("Another file for the configuration", _parse_path)
            continue
        for path in (*files, target):
            output.print_line(f"wrote {path}")
        return target


def _parse_path(text: str) -> Path:
    if not text:
        raise MonitorError("no file is named", mend="nothing of your answers is lost; Ctrl-C gives up")
    return Path(text).expanduser().absolute()


def _offer_database(config: Config) -> None:
    if not confirm(f"Create the database {config.storage_url} now?"):
        return
    try:
        _, revision = upgrade_database(config)
    except MonitorError as error:
        output.print_error(error, as_json=False)
    else:
        output.print_line(f"the database is at revision {revision}")
