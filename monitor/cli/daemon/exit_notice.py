"""The notice on every channel that the daemon ends by itself: once, before its exit code."""

import asyncio
import hashlib
import json
import logging
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.app.channels import open_sink
from monitor.clock import machine_now
from monitor.config.model import Config
from monitor.errors import ConfigError, MonitorError

if TYPE_CHECKING:
    from monitor.notify.sinks import Sink

log = logging.getLogger(__name__)

EXIT_NOTICE_TIMEOUT_S = 15.0
"""Machine seconds that the exit waits for the channels."""

REPEAT_AFTER_S = 3600.0
"""A service manager may start the daemon again and again: the same text is not sent again within this time."""


async def send_exit_notice(config: Config, error: BaseException) -> None:
    """Send the reason of the exit to all channels; a channel that can't be used is skipped."""
    why = str(error) if isinstance(error, MonitorError) else f"an error of its own ({type(error).__name__})"
    text = f"margin-monitor ends and watches no more: {why}"
    if not config.channels or _was_sent_recently(config, text):
        return
    sinks = [sink for channel in config.channels if (sink := _open_sink(config, channel.name)) is not None]
    with suppress(TimeoutError):
        async with asyncio.timeout(EXIT_NOTICE_TIMEOUT_S):
            await asyncio.gather(*(_send_notice(sink, text) for sink in sinks))


async def _send_notice(sink: "Sink", text: str) -> None:
    from monitor.notify.sinks import NotDelivered
    from monitor.view.messages.message import notice_message

    try:
        result = await sink.send(notice_message("critical", text, recorded=True))
    except Exception:
        log.exception("goodbye.unsaid channel=%s", sink.name)
        return
    if isinstance(result, NotDelivered):
        log.error("goodbye.unsaid channel=%s answer=%r", sink.name, result.answer)
    else:
        log.info("goodbye.said channel=%s", sink.name)
    with suppress(Exception):
        await sink.close()


def _open_sink(config: Config, name: str) -> "Sink | None":
    try:
        return open_sink(config, name)
    except ConfigError as error:
        log.error("goodbye.unsaid channel=%s cause=%s", name, error)
        return None


def _was_sent_recently(config: Config, text: str) -> bool:
    """Return whether this text was sent within the last hour; otherwise record it as sent now."""
    digest = hashlib.sha256(f"{config.source}\n{text}".encode()).hexdigest()
    now = machine_now().timestamp()
    folders = [Path(tempfile.gettempdir())]
    with suppress(ConfigError):
        folders.insert(0, config.state_folder)
    for folder in folders:
        path = folder / f"margin-monitor-goodbye-{digest[:12]}.json"
        try:
            if path.exists():
                said_at = float(json.loads(path.read_text()).get("at", 0))
                if 0 <= now - said_at < REPEAT_AFTER_S:
                    return True
            path.write_text(json.dumps({"at": now}))
        except (OSError, ValueError, AttributeError):
            continue
        return False
    return False
