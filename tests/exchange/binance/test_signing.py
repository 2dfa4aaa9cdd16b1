"""Signatures against the published vectors, and against computed vectors for the kinds without a published one."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from monitor.exchange.binance.asymmetric_signing import Ed25519Signer, RsaSigner, private_key_signer
from monitor.exchange.binance.signing import (
    HmacSigner,
    encode_query,
    sign_query,
)

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
SELL = (
    b"symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918&recvWindow=5000"
)
REPAY = b"asset=USDT&isIsolated=FALSE&amount=100.5&type=REPAY&recvWindow=5000&timestamp=1700000000000"


def ed25519_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SEED))


def rsa_numbers() -> RSAPrivateNumbers:
    p, q, e = 3 * 2**1022 + 1037, 3 * 2**1022 + 2**1000 + 1011, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    return RSAPrivateNumbers(
        p, q, d, rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q), RSAPublicNumbers(e, p * q)
    )


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
        (
            "symbols=BTCUSDT%2CBNBUSDT&recvWindow=5000&timestamp=1700000000000",
            "177ba01d3e17a9da0238962caf813b1d91ab2e911465b3b5fb69a9e42a645f2f",
        ),
        (REPAY.decode(), "a0b8df549376b3e4ec185953b82dc411704a7bbb950375868aa9bee328800837"),
    ],
)
def test_hmac_signature_is_the_published_one(payload: str, signature: str) -> None:
    assert HmacSigner(SECRET).sign(payload.encode()) == signature


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (SELL, "XtZirsmmi0noRzUfkqktvkVfxpkq/WtbLg2UOL3QGYdUBZVlqOBEMuEVw8zioY93N54NcKj9UuAXQEa9zgTDBg=="),
        (REPAY, "taFRzzYbzGm10qqv0QVsMUQ/LPuu3E93DP8bQ3/b4kC6tIipb+3B74tzP2OIZlQpyFvuQROLAeBjY7T8QmXWCA=="),
    ],
)
def test_ed25519_signature_is_the_vector(payload: bytes, signature: str) -> None:
    assert Ed25519Signer(ed25519_key()).sign(payload) == signature


def test_rsa_signature_is_the_vector() -> None:
    signature = RsaSigner(rsa_numbers().private_key(unsafe_skip_rsa_key_validation=True)).sign(SELL)
    assert signature == (
        "PgQd1MUgsLsPSo2sXlonMX2JFIRl2gOg0JIWBoIjHYwKvCk2RvjJLAsS/SSLccfk248MHA0w/ZaOt5kFLVSkuo4Op4Bh9ixoMhHvtyaYzqD9"
        "3m8OqbU6XRmoBEGrj/9K6akoEDrhsm6u7U8dRcjs8T9YPRPLc+s+QvMegUK2RNJYnKt7dum8jj8AU6jMaBkhWt+clqGzs2kjKFtNBlDE+4xR"
        "4tzRTXDIOdar2Uwq82wJaIe8bUfRMat7Nr3Sk4lSyJ/wHX3eUB/FrFtK0iUGKbueRA7SW26W2VG7smtTepnl1Yy2LSn6iNjAs0/xokS5WuLZ"
        "zAd8zTNf36A9LJQ+6g=="
    )
    assert len(base64.b64decode(signature)) == 256


def test_query_is_percent_encoded_before_signing_and_keeps_its_order() -> None:
    query = sign_query(
        {"symbols": "BTCUSDT,BNBUSDT", "recvWindow": 5000, "timestamp": 1700000000000}, HmacSigner(SECRET)
    )
    assert query == (
        "symbols=BTCUSDT%2CBNBUSDT&recvWindow=5000&timestamp=1700000000000"
        "&signature=177ba01d3e17a9da0238962caf813b1d91ab2e911465b3b5fb69a9e42a645f2f"
    )


def test_base64_signature_is_percent_encoded() -> None:
    parameters: dict[str, str | int | None] = {
        "asset": "USDT",
        "isIsolated": "FALSE",
        "amount": "100.5",
        "type": "REPAY",
        "recvWindow": 5000,
        "timestamp": 1700000000000,
    }
    assert sign_query(parameters, Ed25519Signer(ed25519_key())).endswith(
        "&signature=taFRzzYbzGm10qqv0QVsMUQ%2FLPuu3E93DP8bQ3%2Fb4kC6tIipb%2B3B74tzP2OIZlQpyFvuQROLAeBjY7T8QmXWCA%3D%3D"
    )


def test_absent_values_are_left_out_and_other_scripts_are_encoded() -> None:
    assert encode_query({"a": None, "symbol": "１", "json": '["A","B"]', "plus": "a+b c~"}) == (
        "symbol=%EF%BC%91&json=%5B%22A%22%2C%22B%22%5D&plus=a%2Bb%20c~"
    )


@pytest.mark.parametrize("passphrase", [None, "open sesame"])
def test_pem_keys_sign_like_the_key_they_hold(passphrase: str | None) -> None:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    pem = ed25519_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    assert private_key_signer(pem, passphrase).sign(REPAY).startswith("taFRzzYbzGm10qqv")


@pytest.mark.parametrize(
    ("pem", "passphrase"),
    [
        (b"", None),
        (b"-----BEGIN PRIVATE KEY-----\nSECRETSECRET\n-----END PRIVATE KEY-----\n", None),
        (ed25519_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right")), "wrong"),
        (ed25519_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right")), None),
        (generate_ec_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), None),
    ],
)
def test_unusable_key_is_refused_without_quoting_it(pem: bytes, passphrase: str | None) -> None:
    with pytest.raises(ValueError, match="key") as refusal:
        private_key_signer(pem, passphrase)
    assert "SECRET" not in str(refusal.value)
