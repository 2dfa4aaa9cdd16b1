"""The error for an answer that can't be believed: why, its digest and beginning, no secret."""

import hashlib
from typing import TypeVar

from monitor.errors import PayloadRejected
from monitor.exchange.binance.api.endpoint import Endpoint

T = TypeVar("T")

MAX_RECORDED_CHARS = 2000
"""Characters of a rejected payload that are kept for the record."""


def build_payload_rejection(endpoint: Endpoint[T], why: str, body: bytes) -> PayloadRejected:
    """Return the error for an answer that arrived but can't be believed: why, its digest, and its beginning."""
    digest = hashlib.sha256(body).hexdigest()[:16]
    error = PayloadRejected(f"{endpoint.name}: {why} (sha256 {digest})")
    if not endpoint.secret:
        # No database takes a NUL in a text.
        error.payload = body[:MAX_RECORDED_CHARS].decode("utf-8", "replace").replace("\0", "\ufffd")
    return error
