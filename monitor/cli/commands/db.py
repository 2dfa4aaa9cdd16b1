"""`db`: create, upgrade, check, back up and restore the database."""

import argparse
import asyncio
import os
from pathlib import Path

from monitor.app.database import (
    back_up_database,
    find_database_problems,
    prune_database,
    restore_database,
    set_database_aside,
    upgrade_database,
)
from monitor.cli import config_option, output
from monitor.cli.operator_name import operator_name
from monitor.cli.parser import PROGRAM, add_json
from monitor.clock import SystemClock
from monitor.config.model import Config
from monitor.core.numbers.durations import format_duration
from monitor.errors import ExitCode
from monitor.view.documents.types.checks import DatabaseCheckDocument, DatabaseUpgradeDocument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True, metavar="upgrade|check|backup|restore|prune")
    upgrade = parts.add_parser("upgrade", help="create the database, or upgrade it to this program's revision")
    upgrade.add_argument("--fresh", action="store_true", help="rename a damaged SQLite file and create a new one")
    add_json(upgrade)
    check = parts.add_parser("check", help="check the database; exit 1 if it is not sound")
    add_json(check)
    backup = parts.add_parser("backup", help="copy the database, also while the daemon runs (SQLite)")
    backup.add_argument("file", type=Path, metavar="FILE", help="file to write; it must not exist")
    restore = parts.add_parser(
        "restore", help="replace the database by a backup, paused, not upgraded (SQLite; no daemon may run)"
    )
    restore.add_argument("file", type=Path, metavar="FILE", help="a file from `db backup`")
    restore.add_argument("--force", action="store_true", help="overwrite the existing database")
    prune = parts.add_parser("prune", help="delete and downsample old rows, as [storage] says")
    prune.add_argument(
        "--force", action="store_true", help="believe this machine's clock though nothing new is recorded"
    )


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    match args.part:
        case "upgrade":
            return _upgrade(config, args.fresh, args.json)
        case "check":
            return _check(config, args.json)
        case "backup":
            back_up_database(config, args.file)
            output.print_line(f"wrote {args.file}: {config.storage_url} as it is now", "good")
        case "restore":
            return _restore(config, args.file, args.force)
        case _:
            return _prune(config, args.force)
    return ExitCode.DONE


def _upgrade(config: Config, fresh: bool, as_json: bool) -> int:
    aside = set_database_aside(config, SystemClock()) if fresh else None
    before, after = upgrade_database(config)
    if aside is not None and not as_json:
        output.print_line(f"kept the damaged file as {aside}", "note")
    if as_json:
        document: DatabaseUpgradeDocument = {"database": config.storage_url, "from": before, "to": after}
        if aside is not None:
            document["aside"] = str(aside)
        output.print_json(document)
    elif before is None:
        output.print_line(f"made {config.storage_url} at revision {after}", "good")
    elif before == after:
        output.print_line(f"{config.storage_url} is at revision {after} already", "good")
    else:
        output.print_line(f"upgraded {config.storage_url} from revision {before} to {after}", "good")
    return ExitCode.DONE


def _check(config: Config, as_json: bool) -> int:
    problems = find_database_problems(config)
    if as_json:
        document: DatabaseCheckDocument = {"ok": not problems, "items": [{"detail": each} for each in problems]}
        output.print_json(document)
    elif problems:
        for problem in problems:
            output.print_line(problem, "bad")
        output.print_line("restore a backup, or ask for help with these words")
    else:
        output.print_line(f"{config.storage_url} is sound", "good")
    return ExitCode.NO if problems else ExitCode.DONE


def _restore(config: Config, file: Path, force: bool) -> int:
    who = f"{operator_name(os.environ)}, by db restore"
    revision, needed = restore_database(config, file, who, SystemClock(), force=force)
    output.print_line(f"{config.storage_url} is {file} now, revision {revision}", "good")
    if revision != needed:
        output.print_line(f"it is older than this program ({needed}): run `{PROGRAM} db upgrade`", "note")
    output.print_line(
        f"actions are paused: look at what moved since it was taken (`{PROGRAM} actions`, the exchange's own history), "
        f"then `{PROGRAM} actions resume`",
        "note",
    )
    return ExitCode.DONE


def _prune(config: Config, force: bool) -> int:
    storage = config.storage
    gone = asyncio.run(prune_database(config, force=force))
    rows = "1 row" if gone == 1 else f"{gone:,} rows"
    samples, hourly, events = (
        f"for {format_duration(span)}" if span else "for good"
        for span in (storage.retain_samples, storage.retain_hourly_samples, storage.retain_events)
    )
    kept = f"samples are kept {samples}, those of hours {hourly}, events {events}"
    output.print_line(f"dropped {rows}: {kept}", "good")
    return ExitCode.DONE
