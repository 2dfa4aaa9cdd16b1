"""Signatures of requests: pure. The percent-encoded text is signed byte for byte as it is sent."""

import hmac
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

Parameters = Mapping[str, str | int | None]


class Signer(Protocol):
    """Signer of payloads that never reveals its key."""

    def sign(self, payload: bytes) -> str:
        """Return the signature as text, not yet percent-encoded."""
        ...


class HmacSigner:
    """HMAC-SHA256 with a secret string, as hex."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, payload: bytes) -> str:
        return hmac.digest(self._secret, payload, "sha256").hex()


def encode_query(parameters: Parameters) -> str:
    """Return the parameters percent-encoded (RFC 3986) and joined, in their order, without those that are None."""
    return "&".join(f"{_encode(name)}={_encode(str(value))}" for name, value in parameters.items() if value is not None)


def sign_query(parameters: Parameters, signer: Signer) -> str:
    """Return the query with its signature as the last parameter."""
    query = encode_query(parameters)
    return f"{query}&signature={_encode(signer.sign(query.encode('ascii')))}"


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
