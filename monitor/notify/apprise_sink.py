"""A sink behind Apprise: the plugin runs in a thread, its log lines are the provider's answer."""

import asyncio
import contextlib
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from monitor.notify.apprise_plugins import load_plugin
from monitor.notify.message_links import message_arguments
from monitor.notify.secret_scrubber import SecretScrubber
from monitor.notify.sinks import Delivered, NotDelivered, SendResult
from monitor.view.messages.formats import MessageFormat, escape, format_body
from monitor.view.messages.message import Message

_T = TypeVar("_T")

_MAX_ABANDONED = 3
"""Threads of one channel that may still hang in earlier sends; beyond that nothing more is sent."""

_MAX_SEND_INTERVAL_S = 1.0
"""Apprise waits up to 5.5 s between two requests where a service names no rate; a second is enough."""

_DETAIL_PREFIXES = ("Response Details:", "Socket Exception:", "I/O Exception:")
"""Prefixes of Apprise's debug lines that quote the provider or the connection's error."""

_WARM_UP_TIMEOUT_S = 20.0

_MESSAGE_REFUSED = re.compile(r"\berror[=: ]+(?:400|406|410|413|415|422)(?:\d\d)?\b")
"""Apprise's log text for a service that refused the message itself; ntfy's own codes add two digits."""

_WITHOUT_MARKUP = frozenset({"slack"})
"""Address schemes whose markup is not used: Apprise leaves our backslashes in Slack's, and Slack shows them."""

_captured_records: ContextVar[list[logging.LogRecord] | None] = ContextVar("captured", default=None)


class AppriseSink:
    """Sends through one Apprise plugin, one message at a time. Loads Apprise at the first send or in `warm_up`."""

    def __init__(self, name: str, url: str, timeout_s: float) -> None:
        self._name = name
        self._url = url
        self._schema = url.partition("://")[0].lower()
        self._timeout_s = timeout_s
        self._scrub = SecretScrubber(url)
        self._lock = asyncio.Lock()
        self._plugin: Any = None
        self._image_plugin: Any = None
        self._image_lock = asyncio.Lock()
        self._abandoned: set[threading.Thread] = set()

    @property
    def name(self) -> str:
        return self._name

    @property
    def accepts_images(self) -> bool:
        return self._plugin is not None and bool(self._plugin.attachment_support)

    @property
    def is_formatted(self) -> bool:
        return self._plugin is not None and self._markup(self._plugin) != "text"

    async def warm_up(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WARM_UP_TIMEOUT_S), self._lock:
                with contextlib.suppress(ValueError):
                    await self._run_in_thread(self._load_plugin)

    async def send(self, message: Message) -> SendResult:
        # A chart may be slow to send: it goes separately, so that no text waits behind it.
        turn = self._lock if message.image is None else self._image_lock
        try:
            async with asyncio.timeout(self._timeout_s), turn:
                self._abandoned = {thread for thread in self._abandoned if thread.is_alive()}
                if len(self._abandoned) >= _MAX_ABANDONED:
                    return NotDelivered(f"{len(self._abandoned)} earlier messages still wait for an answer")
                return await self._run_in_thread(lambda: self._notify(message))
        except TimeoutError:
            # The hanging thread keeps the plugin; the next message gets a new one.
            if message.image is None:
                self._plugin = None
            else:
                self._image_plugin = None
            return NotDelivered(f"no answer within {self._timeout_s:g} s")

    async def close(self) -> None:
        self._plugin = self._image_plugin = None

    def _markup(self, plugin: Any) -> str:
        return "text" if self._schema in _WITHOUT_MARKUP else _preferred_format(plugin.notify_format)

    def _load_plugin(self) -> Any:
        if self._plugin is None:
            self._plugin = self._new_plugin()
        return self._plugin

    def _load_image_plugin(self) -> Any:
        if self._image_plugin is None:
            self._image_plugin = self._new_plugin()
        return self._image_plugin

    def _plugin_for(self, message: Message) -> Any:
        """The plugin that sends this message: one of its own where the service shows a link or a button of it."""
        if message.image is not None:
            return self._load_image_plugin()
        arguments = message_arguments(self._schema, message)
        return self._new_plugin(arguments) if arguments else self._load_plugin()

    def _new_plugin(self, arguments: Mapping[str, Any] | None = None) -> Any:
        _capture_apprise_logs()
        _disable_proxies()
        plugin = load_plugin(self._url, arguments)
        plugin.request_rate_per_sec = min(plugin.request_rate_per_sec, _MAX_SEND_INTERVAL_S)
        plugin.socket_connect_timeout = min(plugin.socket_connect_timeout, self._timeout_s)
        plugin.socket_read_timeout = min(plugin.socket_read_timeout, self._timeout_s)
        # Longer than the service takes: sent in parts, since a cut could lose what helps.
        plugin.overflow_mode = "split"
        return plugin

    def _notify(self, message: Message) -> SendResult:
        records: list[logging.LogRecord] = []
        _captured_records.set(records)
        try:
            plugin = self._plugin_for(message)
            from apprise import Apprise

            service = Apprise(asset=plugin.asset)
            service.add(plugin)
            picture = str(message.image) if message.image is not None and plugin.attachment_support else None
            body, written_in = _format_message(message, self._markup(plugin))
            took_it = bool(
                service.notify(
                    body=body,
                    title=_title_or_body(message.title, written_in, int(plugin.title_maxlen)),
                    notify_type=message.kind,
                    body_format=written_in,
                    attach=picture,
                )
            )
        except ValueError as error:
            return NotDelivered(self._scrub(str(error)))
        except Exception as error:  # noqa: BLE001  a plugin may raise anything; the channel goes on
            return NotDelivered(self._scrub(f"{type(error).__name__}: {error}"))
        return self._result(took_it, records)

    def _result(self, is_accepted: bool, records: list[logging.LogRecord]) -> SendResult:
        if is_accepted:
            lines = [r.getMessage() for r in records if r.levelno == logging.INFO]
            return Delivered(self._scrub(lines[-1] if lines else "accepted"))
        lines = [text for r in records if (text := _answer_text(r))]
        answer = " ".join(lines) or "the service did not take it and gave no reason"
        return NotDelivered(self._scrub(answer), is_refused=_MESSAGE_REFUSED.search(answer) is not None)

    async def _run_in_thread(self, work: Callable[[], _T]) -> _T:
        """Return the result of `work`, run in a thread that may be abandoned: a hung provider must not block a stop."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[_T] = loop.create_future()

        def settle(value: _T | None, error: BaseException | None) -> None:
            if result.done():
                return
            if error is not None:
                result.set_exception(error)
            else:
                result.set_result(value)  # type: ignore[arg-type]  # None only where T is

        def run() -> None:
            value: _T | None = None
            error: BaseException | None = None
            try:
                value = work()
            except Exception as raised:  # noqa: BLE001  carried over to the waiting task
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, value, error)

        thread = threading.Thread(target=run, name=f"notify-{self._name}", daemon=True)
        self._abandoned.add(thread)
        thread.start()
        try:
            return await result
        finally:
            if result.done() and not result.cancelled():
                self._abandoned.discard(thread)


def _preferred_format(formats: Any) -> str:
    """The format that a service shows best: its own choice, or the first of those it takes."""
    first = formats[0] if isinstance(formats, tuple) else formats
    return str(first.value)


def _format_message(message: Message, taken: str) -> tuple[str, MessageFormat]:
    """The text and its format: the one that the service shows best, unless a template has chosen."""
    if message.plain:
        return message.text, "text"
    if message.format != "text":
        return message.text, message.format
    wanted: MessageFormat = "html" if taken == "html" else "markdown" if taken == "markdown" else "text"
    return format_body(message.text, wanted), wanted


def _title_or_body(title: str, written_in: MessageFormat, max_title_chars: int) -> str:
    """The title as the service takes it: a service without titles gets the title as part of the text, in its format."""
    if max_title_chars > 0:
        return title
    return escape(title, written_in)


def _answer_text(record: logging.LogRecord) -> str:
    """The part of a failed send's log record that helps a person; empty for Apprise's internal lines."""
    text = record.getMessage()
    if record.levelno >= logging.WARNING:
        return text
    return next((text.removeprefix(start).strip() for start in _DETAIL_PREFIXES if text.startswith(start)), "")


class _LogCapture(logging.Handler):
    """Collects Apprise's log records of the current send in this thread."""

    def emit(self, record: logging.LogRecord) -> None:
        records = _captured_records.get()
        if records is not None:
            records.append(record)


def _disable_proxies() -> None:
    """Ignore proxies from the environment: the HTTP library of most plugins would use them."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


def _capture_apprise_logs() -> None:
    """Route Apprise's records to the send that caused them and nowhere else: they may hold tokens."""
    logger = logging.getLogger("apprise")
    if not any(isinstance(handler, _LogCapture) for handler in logger.handlers):
        logger.addHandler(_LogCapture())
        for name in ("urllib3", "requests"):
            logging.getLogger(name).setLevel(logging.WARNING)
    # Whoever set up the program's log meanwhile has set a level here as well, which would drop the answers.
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
