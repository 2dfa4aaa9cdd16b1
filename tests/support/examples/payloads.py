"""Answers as documents, in the exchange's documented form, for tests to corrupt."""

import json
from functools import cache
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_FOLDER = Path(__file__).parent / "answers"


@cache
def example_answers() -> dict[str, Any]:
    """An answer of each endpoint of the margin API, by method and path: documented fields, figures of our own."""
    answers: dict[str, Any] = {}
    for path in sorted(_FOLDER.glob("*.json")):
        answers |= json.loads(path.read_text(encoding="utf-8"))
    return answers


def example_answer(endpoint: str) -> bytes:
    """The body of the example for `endpoint`, such as "GET /sapi/v1/margin/account"."""
    return json.dumps(example_answers()[endpoint]).encode()


def cross_account(**changes: Any) -> Document:
    """1.5 BTC at 60,000 and 20,000 USDT held; 10 ETH at 3,000 and 30,000 USDT owed: level 1.83333333.

    The total of assets is 110,000 USDT, that of debts 60,000 USDT.
    """
    return {
        "created": True,
        "borrowEnabled": True,
        "marginLevel": "1.83333333",
        "collateralMarginLevel": "1.75833333",
        "totalAssetOfBtc": "1.83333333",
        "totalLiabilityOfBtc": "1.00000000",
        "totalNetAssetOfBtc": "0.83333333",
        "TotalCollateralValueInUSDT": "105500.00000000",
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": False,
        "accountType": "MARGIN_1",
        "userAssets": [
            cross_row("BTC", free="1.00000000", locked="0.50000000", netAsset="1.50000000"),
            cross_row(
                "USDT",
                free="20000.00000000",
                borrowed="29990.00000000",
                interest="10.00000000",
                netAsset="-10000.00000000",
            ),
            cross_row("ETH", borrowed="10.00000000", netAsset="-10.00000000"),
            cross_row("BNB"),
        ],
        **changes,
    }


def cross_row(asset: str, **changes: Any) -> Document:
    """A row of zeros, changed."""
    zero = "0.00000000"
    return {
        "asset": asset,
        "borrowed": zero,
        "free": zero,
        "interest": zero,
        "locked": zero,
        "netAsset": zero,
        **changes,
    }


def pair_row(**changes: Any) -> Document:
    """A long of the 5x family: 1 BTC against 40,000 USDT at an index of 50,000, liquidated at 46,000."""
    return {
        "baseAsset": {
            **cross_row("BTC", free="1", netAsset="1"),
            "borrowEnabled": True,
            "netAssetOfBtc": "1",
            "repayEnabled": True,
            "totalAsset": "1",
        },
        "quoteAsset": {
            **cross_row("USDT", borrowed="40000", netAsset="-40000"),
            "borrowEnabled": True,
            "netAssetOfBtc": "-0.8",
            "repayEnabled": True,
            "totalAsset": "0",
        },
        "symbol": "BTCUSDT",
        "isolatedCreated": True,
        "enabled": True,
        "marginLevel": "1.25",
        "marginLevelStatus": "NORMAL",
        "marginRatio": "5",
        "indexPrice": "50000.00000000",
        "liquidatePrice": "46000.00000000",
        "liquidateRate": "8.00000000",
        "tradeEnabled": True,
        **changes,
    }


def isolated_account(*pairs: Document, **changes: Any) -> Document:
    """All isolated pairs with their totals."""
    return {
        "assets": list(pairs),
        "totalAssetOfBtc": "1.00000000",
        "totalLiabilityOfBtc": "0.80000000",
        "totalNetAssetOfBtc": "0.20000000",
        **changes,
    }
