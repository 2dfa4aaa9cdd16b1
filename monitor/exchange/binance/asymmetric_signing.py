"""Signers with a private key (Ed25519, RSA), apart because their library weighs megabytes that few keys need."""

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from monitor.exchange.binance.signing import Signer


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
    """Return the signer for a PEM private key, Ed25519 or RSA. Raises ValueError, which never quotes the key."""
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
