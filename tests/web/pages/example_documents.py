"""Small documents as the daemon makes them; every test changes what it is about."""

from typing import Any

GENERATED_AT = "2025-10-10T21:13:30.000Z"
STABLES = frozenset({"USDT", "USDC"})


def balance(
    asset: str, *, free: str = "0", borrowed: str = "0", price: str | None = "1", **more: Any
) -> dict[str, Any]:
    row = {"asset": asset, "free": free, "locked": "0", "borrowed": borrowed, "interest": "0", "net": free}
    return row | {"price_usdt": price, "value_usdt": free, "hourly_rate": None, "liquidation_price": None} | more


def scope(**more: Any) -> dict[str, Any]:
    """A scope at level 1.40 between margin call and initial level."""
    return {
        "state": "ok",
        "as_of": GENERATED_AT,
        "age_s": 12,
        "source": "live",
        "live_age_s": 1.5,
        "margin_level": "1.40",
        "polled_margin_level": "1.40",
        "initial_level": "1.5",
        "margin_call_level": "1.3",
        "liquidation_level": "1.1",
        "distance_to_liquidation": "0.25",
        "interest_usdt": "0",
        "gaps": [],
        "restore": None,
    } | more


def cross(**more: Any) -> dict[str, Any]:
    """Cross margin: SOL against USDT."""
    return (
        scope(
            assets_usdt="140",
            liabilities_usdt="100",
            equity_usdt="40",
            drop_to_liquidation="0.25",
            rise_to_liquidation=None,
            drop_to_margin_call="0.0715",
            balances=[
                balance("SOL", free="0.7", price="200", liquidation_price="150", danger="below"),
                balance("USDT", borrowed="100", hourly_rate="0.00001", net="-100"),
            ],
        )
        | more
    )


def pair(symbol: str = "BTCUSDT", **more: Any) -> dict[str, Any]:
    """An isolated pair that owes USDT."""
    return (
        scope(
            symbol=symbol,
            status="NORMAL",
            index_price="113000",
            liquidation_price="90000",
            danger="below",
            base=balance(symbol.removesuffix("USDT"), free="1", price="113000"),
            quote=balance("USDT", borrowed="80000"),
        )
        | more
    )


def account(**more: Any) -> dict[str, Any]:
    return {
        "account": "main",
        "state": "ok",
        "cross": cross(),
        "isolated": [],
        "streams": [{"name": "account", "connected": True}, {"name": "market", "connected": True}],
        "clock_offset_s": 0.071,
        "alerts_firing": 0,
        "stale_after_s": 180,
    } | more


def status(*accounts: dict[str, Any], **daemon: Any) -> Any:
    running = {"running": True, "host": "desk", "pid": 1, "since": "2025-10-10T20:51:17.000Z", "paused": False}
    return {
        "generated_at": GENERATED_AT,
        "version": "0.1.0",
        "daemon": running | daemon,
        "accounts": list(accounts) or [account()],
    }


def alert(number: int = 17, **more: Any) -> Any:
    """A critical alert of cross that fires."""
    return {
        "id": number,
        "rule": "near-call",
        "account": "main",
        "scope": "cross",
        "subject": None,
        "state": "firing",
        "severity": "critical",
        "since": "2025-10-10T21:10:00.000Z",
        "fired_at": "2025-10-10T21:10:30.000Z",
        "resolved_at": None,
        "value": "1.3967",
        "when": "margin_level < (initial_level + margin_call_level) / 2",
        "clear": "margin_level > initial_level",
        "unknown_since": None,
        "summary": "margin level 1.39",
        "acked": None,
        "silenced_by": None,
        "inhibited_by": None,
        "gone": False,
        "labels": {"rule": "near-call", "account": "main", "scope": "cross", "severity": "critical"},
        "deliveries": [],
    } | more


def action(number: int = 3, **more: Any) -> Any:
    """A proposed transfer for alert #17."""
    return {
        "id": number,
        "plan": 1,
        "action": "top-up",
        "kind": "transfer_in",
        "mode": "approve",
        "account": "main",
        "scope": "cross",
        "symbol": None,
        "alert": 17,
        "state": "PROPOSED",
        "asset": "USDT",
        "amount": "29698.61307921",
        "amount_usdt": "29698.61307921",
        "reason": "bring in USDT from spot",
        "level_before": "1.2750",
        "level_after": "1.575",
        "created_at": "2025-10-10T21:13:00.000Z",
        "asked_at": None,
        "expires_at": "2025-10-10T21:23:00.000Z",
        "tran_id": None,
        "evidence": None,
        "executed_late": False,
        "resolved_by": None,
        "stopped_by_limit": False,
        "steps": [{"state": "PROPOSED", "at": "2025-10-10T21:13:00.000Z", "note": "bring in USDT from spot"}],
    } | more
