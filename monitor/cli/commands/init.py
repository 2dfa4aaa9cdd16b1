"""`init`: a short commented configuration file that only its owner can read, or the service units."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from monitor import resources
from monitor.cli import output
from monitor.cli.config_template import InitAnswers, config_text, parse_channel, parse_pairs
from monitor.cli.parser import PROGRAM
from monitor.cli.setup.config_file import exists_error, write_config_file
from monitor.config.consistency import literal_secrets
from monitor.config.loading import build_config, user_config
from monitor.config.schema import DEFAULT_REST_URL
from monitor.errors import ExitCode, MonitorError, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--non-interactive", action="store_true", help="ask nothing; use the options below")
    parser.add_argument("--account", metavar="NAME", help='name of the account (default "main")')
    parser.add_argument("--api-key", metavar="REF", help="credential:NAME, file:PATH, env:NAME, or the key itself")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--api-secret", metavar="REF", help="the key's HMAC secret, in the same notation")
    secret.add_argument(
        "--private-key", metavar="REF", help="or the key's Ed25519 or RSA private key, usually file:PATH"
    )
    parser.add_argument("--isolated", metavar="LIST|all", help="isolated pairs, comma-separated (default all)")
    parser.add_argument(
        "--channel", metavar="NAME=URL", action="append", default=[], help="an Apprise URL or a reference; repeatable"
    )
    parser.add_argument("--rest-url", metavar="URL", help=f"address of the exchange (default {DEFAULT_REST_URL})")
    parser.add_argument(
        "--output", metavar="FILE", help="file to write (default: the usual place of the configuration)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.add_argument("--systemd", metavar="DIR", help="write the service units into DIR instead")


def run(args: argparse.Namespace) -> int:
    if args.systemd is not None:
        return _write_units(Path(args.systemd), args.force)
    target = _target(args, os.environ)
    if target.exists() and not args.force:
        raise exists_error(target)
    if not args.non_interactive:
        # Imported here: it tries the answers, which takes half of the program.
        from monitor.cli.setup.first_setup import set_up

        return set_up(args, target, os.environ)
    content = config_text(_answers_from_options(args)).encode()
    # Checked before anything is written, so that an existing file is never replaced by one that can't be loaded.
    config = build_config(content, target, os.environ)
    write_config_file(target, content, force=args.force)
    output.print_line(f"wrote {target}")
    if any(literal_secrets(table) for table in (*config.accounts, *config.channels)):
        output.print_note(
            "secrets stand in it as they were given: only you can read it, but each copy of it holds them; "
            "file:PATH, env:NAME or credential:NAME keeps them apart"
        )
    output.print_line(f"next: {PROGRAM} {_config_option(args, target)}check", "dim")
    return ExitCode.DONE


def _target(args: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    named = args.output or args.config or environ.get("MARGIN_MONITOR_CONFIG")
    return Path(named).expanduser().absolute() if named else user_config(environ)


def _config_option(args: argparse.Namespace, target: Path) -> str:
    return f"--config {target} " if args.output or args.config else ""


def _answers_from_options(args: argparse.Namespace) -> InitAnswers:
    missing = [] if args.api_key else ["--api-key"]
    if not args.api_secret and not args.private_key:
        missing.append("--api-secret or --private-key")
    if missing:
        raise UsageError(f"--non-interactive needs {' and '.join(missing)}", mend=f"see `{PROGRAM} init --help`")
    return InitAnswers(
        account=args.account or "main",
        api_key=args.api_key,
        api_secret=args.api_secret or "",
        private_key=args.private_key or "",
        isolated=parse_pairs(args.isolated or "all"),
        channels=tuple(parse_channel(text) for text in args.channel),
        rest_url=args.rest_url or "",
    )


def _write_units(folder: Path, force: bool) -> int:
    """Write the service units and the files they need, for the command of this installation.

    Nothing is written if one of the files exists.
    """
    shipped = resources.packaged_path("systemd")
    units = sorted(path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file())
    if not units:
        raise MonitorError("this installation has no service units", where=str(shipped), mend="install it again")
    in_the_way = [folder / unit for unit in units if (folder / unit).exists()]
    if in_the_way and not force:
        raise exists_error(in_the_way[0])
    try:
        for unit in units:
            target = folder / unit
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text((shipped / unit).read_text().replace(_UNIT_COMMAND, str(_command_path())))
            target.chmod(0o644)
            output.print_line(f"wrote {target}")
    except OSError as error:
        raise MonitorError(f"can't write: {error.strerror}", where=str(folder), mend="choose another folder") from error
    output.print_line(
        "next: put the service into /etc/systemd/system and the others where each says, run systemd-sysusers and "
        "systemd-tmpfiles --create, then systemctl enable --now margin-monitor",
        "dim",
    )
    return ExitCode.DONE


def _command_path() -> Path:
    """The command of this installation, in the folder of its interpreter; the one in the units if it is not there."""
    beside = Path(sys.executable).parent / PROGRAM
    return beside if beside.is_file() else Path(_UNIT_COMMAND)


_UNIT_COMMAND = "/usr/local/bin/margin-monitor"
"""The command in the packaged units."""
