"""Redaction of known secrets in every output: text, tables, JSON and logs."""

import logging
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"

MIN_SECRET_CHARS = 6
"""Shorter values are not replaced: that would garble ordinary text and figures."""

_URL_PASSWORD = re.compile(r"(://[^/\s:@\"']*):[^/\s@\"']+@")
_SIGNATURE = re.compile(r"([?&]signature=)[^&\s\"']+")


class Redactor:
    """Replaces every remembered secret, and passwords and signatures in URLs, by ***."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.remember(secret)

    def remember(self, secret: str) -> None:
        """Redact `secret`, its lines, and its percent-encoded forms from now on."""
        forms = {secret, *secret.splitlines()}
        forms |= {encode(form) for form in tuple(forms) for encode in (quote, quote_plus, _quote_all)}
        added = {
            form for form in forms if len(form) >= MIN_SECRET_CHARS and not form.startswith("-----")
        } - self._secrets
        if added:
            self._secrets |= added
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def redact(self, text: str) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        if "://" in text:
            text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
        if "signature=" in text:
            text = _SIGNATURE.sub(rf"\1{MASK}", text)
        return text


KNOWN_SECRETS = Redactor()
"""Every secret that this process has resolved. Filled by monitor.config.secrets, read by every output."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the given secrets and without any that this process knows."""
    return KNOWN_SECRETS.redact(Redactor(secrets).redact(text))


class RedactionFilter(logging.Filter):
    """Redacts known secrets in the message, traceback and fields of a log record."""

    def __init__(self, redactor: Redactor = KNOWN_SECRETS) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self._redactor.redact(record.getMessage())
        record.args = ()
        if record.exc_info:
            record.exc_text = self._redactor.redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = self._redactor.redact(record.stack_info)
        for name, value in vars(record).items():
            if name not in _STANDARD_FIELDS and isinstance(value, str):
                setattr(record, name, self._redactor.redact(value))
        return True


_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def _quote_all(text: str) -> str:
    return quote(text, safe="")
