"""`notify test`: a test message through one channel or all, with the providers' answers."""

import argparse
import asyncio
import time

from monitor.app.channels import open_sink
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.config.model import Config
from monitor.errors import ConfigError, ExitCode, UsageError, suggest_nearest
from monitor.notify.sinks import Delivered
from monitor.view.documents.types.checks import ChannelTestDocument, ChannelTestListDocument
from monitor.view.messages.message import notice_message
from monitor.view.terminal.table import Cell

_TEXT = "This is a test message of margin-monitor\nIf you can read it, this channel works. Nothing has happened."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True, metavar="test")
    test = parts.add_parser("test", help="send a test message", description="Send a test message.")
    test.add_argument("channel", nargs="?", metavar="CHANNEL", help="one channel (default: every one)")
    add_json(test, lists=True)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    names = [channel.name for channel in config.channels]
    if args.channel is not None:
        if args.channel not in names:
            raise UsageError(f'there is no channel "{args.channel}"', mend=suggest_nearest(args.channel, names))
        names = [args.channel]
    if not names:
        raise ConfigError("there is no channel to test", where="channels", mend="add [[channels]] with a name and url")
    results = asyncio.run(_test(config, names))
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


async def _test(config: Config, names: list[str]) -> list[ChannelTestDocument]:
    return list(await asyncio.gather(*(_send(config, name) for name in names)))


async def _send(config: Config, name: str) -> ChannelTestDocument:
    try:
        sink = open_sink(config, name)
    except ConfigError as error:
        return {"channel": name, "ok": False, "ms": 0, "answer": str(error)}
    try:
        await sink.warm_up()
        started = time.monotonic()
        answer = await sink.send(notice_message("info", _TEXT))
        took_ms = round((time.monotonic() - started) * 1000)
    finally:
        await sink.close()
    return {"channel": name, "ok": isinstance(answer, Delivered), "ms": took_ms, "answer": answer.answer}
