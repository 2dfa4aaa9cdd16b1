"""Signatures of requests: pure. What is signed is the percent-encoded text, byte for byte what is sent."""

import hmac
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

Parameters = Mapping[str, str | int | None]


class Signer(Protocol):
    """Signs a payload; never shows its key."""

    def sign(self, payload: bytes) -> str:
        """The signature as text, not yet percent-encoded."""
        ...


class HmacSigner:
    """HMAC-SHA256 with a secret string, as hex."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, payload: bytes) -> str:
        return hmac.digest(self._secret, payload, "sha256").hex()


def encode_query(parameters: Parameters) -> str:
    """The parameters percent-encoded (RFC 3986) and joined, in their order; those that are None are left out."""
    return "&".join(f"{_encode(name)}={_encode(str(value))}" for name, value in parameters.items() if value is not None)


def sign_query(parameters: Parameters, signer: Signer) -> str:
    """The query with its signature as the last parameter."""
    query = encode_query(parameters)
    return f"{query}&signature={_encode(signer.sign(query.encode('ascii')))}"


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
