"""The exchange's answers, masked: levels, prices and names of assets stay, amounts are scaled, all else is hidden."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from monitor.view.comparison.scaling import ALL_PAIRS, AmountScaler

MASK = "***"

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class ReceivedAnswer:
    """One answer of the exchange as it was received, and the request without its signature."""

    endpoint: str
    parameters: Mapping[str, str | int]
    body: bytes


def mask_answer(answer: ReceivedAnswer, account: str, scaler: AmountScaler) -> dict[str, Any]:
    """Return the endpoint, its harmless parameters and the masked answer as JSON types.

    An answer that is no JSON is not in the result: nothing in it can be told apart.
    """
    given = {name: str(value) for name, value in answer.parameters.items() if name in _KEPT_PARAMETERS}
    scope = str(answer.parameters.get("isolatedSymbol", ""))
    if not scope:
        scope = ALL_PAIRS if "/isolated/" in answer.endpoint else "cross"
    try:
        content = json.loads(answer.body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {"endpoint": answer.endpoint, "parameters": given, "answer": f"no JSON, {len(answer.body)} bytes"}
    masked = _mask_value("", content, account, scope, scaler)
    return {"endpoint": answer.endpoint, "parameters": given, "answer": masked}


def _mask_value(name: str, value: Any, account: str, scope: str, scaler: AmountScaler) -> Any:
    match value:
        case dict():
            pair = value.get("symbol") or value.get("isolatedSymbol")
            inside = pair if isinstance(pair, str) and _PLAIN.fullmatch(pair) else scope
            return {
                key if _PLAIN.fullmatch(key) else MASK: _mask_value(key, one, account, inside, scaler)
                for key, one in value.items()
            }
        case list():
            return [_mask_value(name, one, account, scope, scaler) for one in value]
        case _ if name in SCALED_FIELDS:
            return _scaled(value, account, scope, scaler)
        case int() if name == "interestAccuredTime" and not isinstance(value, bool):
            return value - value % HOUR_MS
        case _ if name in KEPT_FIELDS and (value is None or _PLAIN.fullmatch(str(value))):
            return value if isinstance(value, bool | int) or value is None else str(value)
        case _:
            return MASK


def _scaled(value: Any, account: str, scope: str, scaler: AmountScaler) -> str:
    try:
        amount = Decimal(str(value))
        if isinstance(value, bool) or not amount.is_finite():
            return MASK
    except InvalidOperation:
        return MASK
    return str(value) if not amount else scaler.scale_text(str(value), account, scope)


_PLAIN = re.compile(r"[A-Za-z0-9_.\-]{1,40}")
"""Names and numbers; anything longer or stranger than these is hidden, whatever field it is in."""

SCALED_FIELDS = frozenset(
    {
        "free", "locked", "borrowed", "interest", "principal", "netAsset", "netAssetOfBtc", "totalAsset",
        "totalAssetOfBtc", "totalLiabilityOfBtc", "totalNetAssetOfBtc", "totalOpenOrderLossInUSDT",
    }
)  # fmt: skip
"""Fields with an amount of the account. Collateral and what may leave are hidden: tiers in USD would tell the size."""

KEPT_FIELDS = frozenset(
    {
        "asset", "rawAsset", "coin", "symbol", "isolatedSymbol", "assetNames", "created", "enabled", "isolatedCreated",
        "borrowEnabled", "repayEnabled", "tradeEnabled", "transferInEnabled", "transferOutEnabled", "accountType",
        "marginLevel", "marginLevelStatus", "indexPrice", "liquidatePrice", "liquidateRate", "normalBar",
        "marginCallBar", "forceLiquidationBar", "price", "liquidationRiskRatio", "minUsdValue", "maxUsdValue",
        "discountRate", "dailyInterest", "yearlyInterest", "interestRate", "type", "borrowable", "transferIn",
        "nextHourlyInterestRate",
    }
)  # fmt: skip
"""Fields that are the same for every account, or are ratios. A field that is in neither list is hidden.

So are the tier of a pair and what follows from it, since tiers are bounded by the amount that is owed.
"""

_KEPT_PARAMETERS = frozenset({"symbol", "symbols", "isolatedSymbol", "asset", "assets", "isIsolated"})
