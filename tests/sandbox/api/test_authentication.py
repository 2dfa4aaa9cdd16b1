"""Signatures: the published vectors, and what is refused."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from monitor.sandbox.api.authentication import check_signature, check_time, is_well_formed, verify_signature
from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.api.parameters import RequestParams
from monitor.sandbox.scenario.scenario import ApiKeySpec

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
ORDER = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
SALE = (
    "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918&recvWindow=5000"
)
REPAY = "asset=USDT&isIsolated=FALSE&amount=100.5&type=REPAY&recvWindow=5000&timestamp=1700000000000"

HMAC_KEY = ApiKeySpec(API_KEY, SECRET)


def _public_pem(key: ed25519.Ed25519PublicKey | rsa.RSAPublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (ORDER, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (
            ORDER.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"),
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
        (
            "symbols=BTCUSDT%2CBNBUSDT&recvWindow=5000&timestamp=1700000000000",
            "177ba01d3e17a9da0238962caf813b1d91ab2e911465b3b5fb69a9e42a645f2f",
        ),
        (REPAY, "A0B8DF549376B3E4EC185953B82DC411704A7BBB950375868AA9BEE328800837"),
    ],
)
def test_hmac_vectors_are_accepted(payload: str, signature: str) -> None:
    check_signature(HMAC_KEY, f"{payload}&signature={signature}", "")


def test_an_ed25519_vector_is_accepted() -> None:
    public = ed25519.Ed25519PublicKey.from_public_bytes(
        bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    )
    key = ApiKeySpec(API_KEY, public_key=_public_pem(public))
    signed = "XtZirsmmi0noRzUfkqktvkVfxpkq%2FWtbLg2UOL3QGYdUBZVlqOBEMuEVw8zioY93N54NcKj9UuAXQEa9zgTDBg%3D%3D"
    check_signature(key, f"{SALE}&signature={signed}", "")
    assert verify_signature(
        key, REPAY, "taFRzzYbzGm10qqv0QVsMUQ/LPuu3E93DP8bQ3/b4kC6tIipb+3B74tzP2OIZlQpyFvuQROLAeBjY7T8QmXWCA=="
    )


def test_an_rsa_vector_is_accepted() -> None:
    first, second = 3 * 2**1022 + 1037, 3 * 2**1022 + 2**1000 + 1011
    public = rsa.RSAPublicNumbers(65537, first * second).public_key()
    signature = (
        "PgQd1MUgsLsPSo2sXlonMX2JFIRl2gOg0JIWBoIjHYwKvCk2RvjJLAsS/SSLccfk248MHA0w/ZaOt5kFLVSkuo4Op4Bh9ixoMhHvtyaY"
        "zqD93m8OqbU6XRmoBEGrj/9K6akoEDrhsm6u7U8dRcjs8T9YPRPLc+s+QvMegUK2RNJYnKt7dum8jj8AU6jMaBkhWt+clqGzs2kjKFtN"
        "BlDE+4xR4tzRTXDIOdar2Uwq82wJaIe8bUfRMat7Nr3Sk4lSyJ/wHX3eUB/FrFtK0iUGKbueRA7SW26W2VG7smtTepnl1Yy2LSn6iNjA"
        "s0/xokS5WuLZzAd8zTNf36A9LJQ+6g=="
    )
    assert verify_signature(ApiKeySpec(API_KEY, public_key=_public_pem(public)), SALE, signature)


@pytest.mark.parametrize(
    "query",
    [
        # Signed before percent-encoding, sent encoded and sent as it is.
        "symbols=BTCUSDT%2CBNBUSDT&recvWindow=5000&timestamp=1700000000000&signature="
        "a75cb52569591eb4a84fa598b0baa0868ae3743d01b557bc67328948f4bc16a7",
        "symbols=BTCUSDT,BNBUSDT&recvWindow=5000&timestamp=1700000000000&signature="
        "a75cb52569591eb4a84fa598b0baa0868ae3743d01b557bc67328948f4bc16a7",
        f"{REPAY}&signature=00",
    ],
)
def test_a_wrong_signature_is_refused(query: str) -> None:
    with pytest.raises(SimApiError) as refused:
        check_signature(HMAC_KEY, query, "")
    assert refused.value.code == -1022


def test_query_and_body_are_signed_as_one_text() -> None:
    signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    middle = ORDER.index("&quantity")
    check_signature(HMAC_KEY, ORDER[:middle], f"{ORDER[middle:]}&signature={signature}")


def test_keys_are_64_letters_and_digits() -> None:
    assert is_well_formed(API_KEY)
    assert not is_well_formed(API_KEY[:-1])
    assert not is_well_formed("")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, -1102),
        ({"timestamp": "soon"}, -1100),
        ({"timestamp": "994999"}, -1021),
        ({"timestamp": "1001000"}, -1021),
        ({"timestamp": "1000000", "recvWindow": "60001"}, -1131),
    ],
)
def test_times_outside_the_window_are_refused(params: dict[str, str], code: int) -> None:
    with pytest.raises(SimApiError) as refused:
        check_time(RequestParams(params), 1_000_000, speed=1, slack_ms=0)
    assert refused.value.code == code


def test_the_window_is_widened_by_the_speed() -> None:
    check_time(RequestParams({"timestamp": "460001"}), 1_000_000, speed=108, slack_ms=0)
    check_time(RequestParams({"timestamp": "995000.5"}), 1_000_000, speed=1, slack_ms=0)
