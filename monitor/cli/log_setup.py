"""Logging of the commands: one line an event on stderr, as text or JSON, without known secrets."""

import contextlib
import io
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from monitor.cli.log_writer import BackgroundWriter
from monitor.config.redaction import RedactionFilter

_LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_LIBRARIES: Mapping[str, int] = {
    **dict.fromkeys(("httpx", "httpcore", "asyncio", "alembic", "matplotlib", "urllib3", "apprise"), logging.WARNING),
    **dict.fromkeys(("apscheduler", "websockets"), logging.ERROR),
}
"""Minimum level of libraries' records. Their INFO and DEBUG lines carry whole URLs; the warnings of these two are about
intended behaviour: a slow read left running when it is due again, a peer that closed its connection."""


def start_logging(log_format: str, level: str) -> None:
    """Send every log record to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RedactionFilter())
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for name, lowest in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(lowest, _LEVELS[level]))
    logging.captureWarnings(True)


@contextlib.contextmanager
def background_logging() -> Iterator[None]:
    """Log records written by a thread during the context, for a program that no reader of its log may stop.

    Where stderr is no file of the operating system (closed, or replaced by a test) nothing changes.
    """
    handler = logging.getLogger().handlers[0]
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):
        yield
        return
    if not isinstance(handler, logging.StreamHandler):
        yield
        return

    def describe_loss(count: int) -> str:
        return handler.format(_loss_record(count)) + handler.terminator

    writer = BackgroundWriter(descriptor, describe_loss)
    before = handler.setStream(writer)
    try:
        yield
    finally:
        writer.drain()
        if before is not None:
            handler.setStream(before)


def _loss_record(count: int) -> logging.LogRecord:
    message = "log.lost lines=%d cause=nobody read them"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, (count,), None)


class TextFormatter(logging.Formatter):
    """`2026-11-22T10:00:00.000Z INFO monitor.runtime.account.poller: poll.done account=main`, always one line."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time_text(record)} {record.levelname} {record.name}: {record.getMessage()}"
        return " ".join(f"{line} {_traceback_text(record)}".split())


class JsonFormatter(logging.Formatter):
    """Log records as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _time_text(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trouble := _traceback_text(record):
            fields["exception"] = trouble
        return json.dumps(fields, ensure_ascii=False)


def _time_text(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _traceback_text(record: logging.LogRecord) -> str:
    """The traceback in one line, already converted to text by RedactionFilter."""
    return " | ".join(line.strip() for line in (record.exc_text or "").splitlines())
