"""`notify`: a message through one channel or all, with the providers' answers: a test, or that the service failed."""

import argparse
import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from monitor.app.channels import open_sink
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.config.model import Config
from monitor.core.model.alert import Severity
from monitor.errors import ConfigError, ExitCode, UsageError, suggest_nearest
from monitor.notify.sinks import Delivered
from monitor.view.documents.types.checks import ChannelTestDocument, ChannelTestListDocument
from monitor.view.messages.message import notice_message
from monitor.view.terminal.table import Cell


@dataclass(frozen=True, slots=True)
class ServiceNotice:
    """A message that stands for no alert."""

    severity: Severity
    text: str


_TEST = ServiceNotice(
    "info", "This is a test message of margin-monitor\nIf you can read it, this channel works. Nothing has happened."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True, metavar="test|failed")
    test = parts.add_parser("test", help="send a test message", description="Send a test message.")
    test.add_argument("channel", nargs="?", metavar="CHANNEL", help="one channel (default: every one)")
    add_json(test, lists=True)
    failed = parts.add_parser(
        "failed", help="tell every channel that the service has ended, for OnFailure= of its unit"
    )
    add_json(failed, lists=True)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    names = [channel.name for channel in config.channels]
    notice = _TEST if args.part == "test" else failure_notice(os.environ)
    if args.part == "test" and args.channel is not None:
        if args.channel not in names:
            raise UsageError(f'there is no channel "{args.channel}"', mend=suggest_nearest(args.channel, names))
        names = [args.channel]
    if not names:
        raise ConfigError("there is no channel to test", where="channels", mend="add [[channels]] with a name and url")
    results = asyncio.run(_send_all(config, names, notice))
    document: ChannelTestListDocument = {"items": results}
    if output.wants_json_list(args):
        output.print_list(args, document)
    else:
        rows = [
            (
                result["channel"],
                Cell("told", "good") if result["ok"] else Cell("not told", "bad"),
                f"{result['ms']} ms",
                result["answer"],
            )
            for result in results
        ]
        output.print_table(("channel", "result", "took", "answer"), rows, right=(2,))
    return ExitCode.DONE if all(result["ok"] for result in results) else ExitCode.NO


def failure_notice(environ: Mapping[str, str]) -> ServiceNotice:
    """The notice of a service that has ended for good, with what the service manager says of it."""
    unit = environ.get("MONITOR_UNIT", "the service")
    words = [environ.get(name, "") for name in ("MONITOR_SERVICE_RESULT", "MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS")]
    why = " ".join(word for word in words if word)
    return ServiceNotice(
        "critical",
        f"margin-monitor has ended and is not started again: nothing is watched ({unit}{f': {why}' if why else ''})\n"
        "Look at the exchange's own page, then at the log of the service.",
    )


async def send_test(config: Config, name: str) -> ChannelTestDocument:
    """Send the test message through one channel; a channel that can't be opened is in the result."""
    return await _send(config, name, _TEST)


async def _send_all(config: Config, names: list[str], notice: ServiceNotice) -> list[ChannelTestDocument]:
    return list(await asyncio.gather(*(_send(config, name, notice) for name in names)))


async def _send(config: Config, name: str, notice: ServiceNotice) -> ChannelTestDocument:
    try:
        sink = open_sink(config, name)
    except ConfigError as error:
        return {"channel": name, "ok": False, "ms": 0, "answer": str(error)}
    try:
        await sink.warm_up()
        started = time.monotonic()
        answer = await sink.send(notice_message(notice.severity, notice.text))
        took_ms = round((time.monotonic() - started) * 1000)
    finally:
        await sink.close()
    return {"channel": name, "ok": isinstance(answer, Delivered), "ms": took_ms, "answer": answer.answer}
