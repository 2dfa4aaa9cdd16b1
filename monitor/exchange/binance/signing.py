"""Signatures of requests: pure. What is signed is the percent-encoded text, byte for byte what is sent."""

import base64
import hmac
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

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


class Ed25519Signer:
    """Ed25519, as base64."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload)).decode()


class RsaSigner:
    """RSA PKCS#1 v1.5 with SHA-256, as base64."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload, PKCS1v15(), SHA256())).decode()


def private_key_signer(pem: bytes, passphrase: str | None = None) -> Signer:
    """The signer for a PEM private key, Ed25519 or RSA. Raises ValueError, without quoting the key."""
    try:
        key = load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("not a PEM private key, or its passphrase is wrong or missing") from None
    match key:
        case Ed25519PrivateKey():
            return Ed25519Signer(key)
        case RSAPrivateKey():
            if key.key_size < 2048:
                raise ValueError("the RSA key is shorter than 2048 bits")
            return RsaSigner(key)
        case _:
            raise ValueError("the private key is neither Ed25519 nor RSA")


def query_of(parameters: Parameters) -> str:
    """The parameters percent-encoded (RFC 3986) and joined, in their order; those that are None are left out."""
    return "&".join(f"{_encode(name)}={_encode(str(value))}" for name, value in parameters.items() if value is not None)


def signed_query(parameters: Parameters, signer: Signer) -> str:
    """The query with its signature as the last parameter."""
    query = query_of(parameters)
    return f"{query}&signature={_encode(signer.sign(query.encode('ascii')))}"


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
