"""`init`: a short commented configuration file that only its owner can read, or the service units."""

import argparse
import getpass
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from monitor import resources
from monitor.cli import output
from monitor.cli.config_template import InitAnswers, config_text
from monitor.cli.parser import PROGRAM
from monitor.config.loading import build_config, user_config
from monitor.config.schema import DEFAULT_REST_URL
from monitor.config.secrets import parse_ref
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
        raise _exists_error(target)
    answers = _answers_from_options(args) if args.non_interactive else _ask_person(args)
    content = config_text(answers).encode()
    # Checked before anything is written, so that an existing file is never replaced by one that can't be loaded.
    build_config(content, target, os.environ)
    _write_private(target, content, args.force)
    output.print_line(f"wrote {target}")
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
        isolated=_parse_pairs(args.isolated or "all"),
        channels=tuple(_channel_address(text) for text in args.channel),
        rest_url=args.rest_url or "",
    )


def _ask_person(args: argparse.Namespace) -> InitAnswers:
    """The answers of a person at a terminal; options already given are not asked again."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("questions need a terminal", mend="use --non-interactive with the options")
    output.print_note("A key that may only read is enough to watch; actions take a second key, later, if ever.")
    output.print_note("Keys are given as credential:NAME, file:PATH, env:NAME, or themselves; they are not echoed.")
    account = args.account or _ask("Name of the account", "main")
    api_key = args.api_key or _ask_secret("API key")
    api_secret, private_key = args.api_secret or "", args.private_key or ""
    if not api_secret and not private_key:
        private_key = _ask("File of the private key (Ed25519 or RSA), empty for a secret key")
        if private_key and parse_ref(private_key).kind == "literal":
            private_key = f"file:{Path(private_key).expanduser().absolute()}"
        api_secret = "" if private_key else _ask_secret("API secret")
    isolated = args.isolated or _ask("Isolated pairs, comma-separated, or all", "all")
    channels = [_channel_address(text) for text in args.channel]
    if not channels:
        url = _ask_secret("Where to send alerts: an Apprise URL, empty for nowhere", may_be_empty=True)
        channels = [("phone", url)] if url else []
    return InitAnswers(
        account, api_key, api_secret, private_key, _parse_pairs(isolated), tuple(channels), args.rest_url or ""
    )


def _ask(question: str, default: str = "") -> str:
    sys.stderr.write(f"{question}{f' [{default}]' if default else ''}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise UsageError("no answer was given", mend="use --non-interactive with the options")
    return line.strip() or default


def _ask_secret(question: str, *, may_be_empty: bool = False) -> str:
    while True:
        try:
            answer = getpass.getpass(f"{question}: ", sys.stderr).strip()
        except EOFError as error:
            raise UsageError("no answer was given", mend="use --non-interactive with the options") from error
        if answer or may_be_empty:
            return answer


def _parse_pairs(text: str) -> tuple[str, ...] | None:
    """The named pairs; None for all."""
    if text.strip().lower() == "all":
        return None
    return tuple(word.strip().upper() for word in text.split(",") if word.strip())


def _channel_address(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if not equals or not name.strip() or not url.strip() or "://" in name:
        # The value may be a secret URL: it is not repeated.
        raise UsageError("--channel can't be read", mend="write --channel NAME=URL")
    return name.strip(), url.strip()


def _write_private(target: Path, content: bytes, force: bool) -> None:
    """Write the file, mode 0600, whole or not at all. Without `force` it never replaces one."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if force:
                Path(temporary).replace(target)
            else:
                target.hardlink_to(temporary)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except FileExistsError as error:
        raise _exists_error(target) from error
    except OSError as error:
        raise MonitorError(f"can't write: {error.strerror}", where=str(target), mend="choose --output FILE") from error


def _exists_error(target: Path) -> MonitorError:
    return MonitorError("is already there", where=str(target), mend="use --force to overwrite it, or --output FILE")


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
        raise _exists_error(in_the_way[0])
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
