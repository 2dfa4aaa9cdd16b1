"""Authentication: key format, signature (HMAC, Ed25519, RSA) over the percent-encoded request, and time window."""

import base64
import binascii
import hashlib
import hmac
import re
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from monitor.sandbox.api.errors import SimApiError, missing_parameter
from monitor.sandbox.api.parameters import RequestParams
from monitor.sandbox.scenario.scenario import ApiKeySpec

DEFAULT_RECV_WINDOW_MS = 5000.0
MAX_RECV_WINDOW_MS = 60_000.0
MAX_AHEAD_MS = 1000

_KEY_FORM = re.compile(r"[A-Za-z0-9]{64}")
# Characters that percent-encoding leaves; `+` is the form encoding of a space.
_ENCODED_FORM = re.compile(r"(?:[A-Za-z0-9\-._~=&+]|%[0-9A-Fa-f]{2})*")


def is_well_formed(api_key: str) -> bool:
    """Return whether a text could be an API key."""
    return _KEY_FORM.fullmatch(api_key) is not None


def check_time(params: RequestParams, server_ms: int, *, speed: float, slack_ms: int) -> None:
    """Refuse a request whose timestamp lies outside its window (-1021, -1131).

    The window is as wide in real time as at normal speed, so it is widened by `speed`; `slack_ms` is added while a test
    holds or advances the time.
    """
    timestamp = _parse_number(params, "timestamp")
    if timestamp is None:
        raise missing_parameter("timestamp")
    window = _parse_number(params, "recvWindow")
    window = DEFAULT_RECV_WINDOW_MS if window is None else window
    if window > MAX_RECV_WINDOW_MS:
        raise SimApiError(-1131, "recvWindow must be less than 60000")
    stretch = max(1.0, speed)
    if timestamp >= server_ms + MAX_AHEAD_MS * stretch + slack_ms:
        raise SimApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if server_ms - timestamp > window * stretch + slack_ms:
        raise SimApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def check_signature(key: ApiKeySpec, query: str, body: str) -> None:
    """Refuse (-1022) a request whose signature does not fit its percent-encoded query and body."""
    signed_query, in_query = _split_signature(query)
    signed_body, in_body = _split_signature(body)
    signature = in_query if in_query is not None else in_body
    if not signature:
        raise missing_parameter("signature")
    payload = signed_query + signed_body
    if not _ENCODED_FORM.fullmatch(payload) or not verify_signature(key, payload, unquote(signature)):
        raise SimApiError(-1022, "Signature for this request is not valid.")


def verify_signature(key: ApiKeySpec, payload: str, signature: str) -> bool:
    """Return whether `signature` (hex for HMAC, base64 else) is the key's over `payload`."""
    if key.api_secret:
        expected = hmac.digest(key.api_secret.encode(), payload.encode(), hashlib.sha256).hex()
        return hmac.compare_digest(expected, signature.lower())
    public = load_pem_public_key(key.public_key.encode())
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(raw, payload.encode())
        elif isinstance(public, rsa.RSAPublicKey):
            public.verify(raw, payload.encode(), padding.PKCS1v15(), SHA256())
        else:
            return False
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _split_signature(part: str) -> tuple[str, str | None]:
    """A raw query or body without its signature, and the signature as written in it."""
    kept, signature = [], None
    for pair in part.split("&"):
        name, _, value = pair.partition("=")
        if name == "signature":
            signature = value
        else:
            kept.append(pair)
    return "&".join(kept), signature


def _parse_number(params: RequestParams, name: str) -> float | None:
    value = params.values.get(name)
    if value is None:
        return None
    try:
        return float(value)
    except ValueError as error:
        raise SimApiError(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        ) from error
