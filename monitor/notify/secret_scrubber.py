"""Removal of a channel address's secrets from the provider's answers."""

import re
from urllib.parse import unquote

_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+")
_SEPARATORS = re.compile(r"[/:@?&=+,;#]+")
_HOST = re.compile(r"(?:localhost|[0-9.]+|(?:[a-z0-9-]+\.)+[a-z]{2,})", re.IGNORECASE)
_MIN_SECRET_CHARS = 4
_MAX_ANSWER_CHARS = 300


class SecretScrubber:
    """Removes every part of one address from a text. A plain host name may stay: it says which service failed."""

    def __init__(self, url: str) -> None:
        _, _, rest = url.partition("://")
        host, _, port = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2].partition(":")
        is_plain_host = bool(_HOST.fullmatch(host)) and host == host.lower()
        parts = {part for piece in _SEPARATORS.split(rest) for part in (piece, unquote(piece))}
        keep = {host, port} if is_plain_host else set[str]()
        secrets = sorted((p for p in parts - keep if len(p) >= _MIN_SECRET_CHARS), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, secrets))) if secrets else None

    def __call__(self, text: str) -> str:
        """Return the text on one line, without addresses and secrets, cut to a length for logs and the database."""
        clean = _ADDRESS.sub("<address>", " ".join(text.split()))
        if self._secrets is not None:
            clean = self._secrets.sub("***", clean)
        return clean if len(clean) <= _MAX_ANSWER_CHARS else clean[: _MAX_ANSWER_CHARS - 3] + "..."
