"""Dust: small balances, their conversion into BNB or another asset, and the log."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from monitor.sandbox.amounts import ZERO, format_plain, round_down, round_half_up
from monitor.sandbox.api.errors import SimApiError, missing_parameter, not_a_margin_asset
from monitor.sandbox.endpoints.history_paging import DAY_MS, time_window
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint
from monitor.sandbox.ledger.accounts import DustRecord
from monitor.sandbox.ledger.ledger import SimWallet

DUST_BELOW_BTC = Decimal("0.001")
# In USDT, for conversions with a free choice of the target.
DUST_BELOW_USDT = Decimal(10)
DUST_FEE = Decimal("0.02")
DUST_LOG_ROWS = 100
# 2020-12-01, the start of the log.
DUST_LOG_START_MS = 1_606_780_800_000

WalletName = Literal["SPOT", "MARGIN"]


class DustBalance(NamedTuple):
    """A small balance and its value in other assets, before the fee."""

    asset: str
    free: Decimal
    btc: Decimal
    target: Decimal


@endpoint("POST", "/sapi/v1/asset/dust-btc", "SIGNED", 1)
def list_convertible_to_bnb(call: EndpointCall) -> object:
    """The balances worth less than 0.001 BTC, and their value in BNB."""
    rows = _dust_balances(call, _wallet_name(call), "BNB", _usdt_limit(call))
    return {
        "details": [
            {
                "asset": row.asset,
                "assetFullName": row.asset,
                "amountFree": format_plain(row.free),
                "toBTC": format_plain(row.btc),
                "toBNB": format_plain(row.target),
                "toBNBOffExchange": format_plain(row.target - round_half_up(row.target * DUST_FEE)),
                "exchange": format_plain(round_half_up(row.target * DUST_FEE)),
            }
            for row in rows
        ],
        "totalTransferBtc": format_plain(sum((row.btc for row in rows), ZERO)),
        "totalTransferBNB": format_plain(sum((row.target for row in rows), ZERO)),
        "dribbletPercentage": format_plain(DUST_FEE),
    }


@endpoint("POST", "/sapi/v1/asset/dust", "SIGNED", 10, "UID", right="trading", repeats=("asset",))
def convert_to_bnb(call: EndpointCall) -> object:
    """Turn small balances into BNB, once in 24 hours."""
    name = _wallet_name(call)
    if any(row.wallet == name and call.now_ms - row.at_ms < DAY_MS for row in call.account.dust):
        raise SimApiError(-5006, "Only transfer once within 24 hours.")
    return _convert(call, name, "BNB", _usdt_limit(call))


@endpoint("GET", "/sapi/v1/asset/dribblet", "SIGNED", 1)
def dust_log(call: EndpointCall) -> object:
    """The newest conversions, a row for each request."""
    name = _wallet_name(call)
    first = max(DUST_LOG_START_MS, call.params.integer("startTime") or 0)
    last = time_window(call)[1]
    batches: dict[int, list[DustRecord]] = {}
    for row in reversed(call.account.dust):
        if row.wallet == name and first <= row.at_ms <= last:
            batches.setdefault(row.batch, []).append(row)
    shown = list(batches.values())[:DUST_LOG_ROWS]
    return {"total": len(shown), "userAssetDribblets": [_log_rows(rows) for rows in shown]}


@endpoint("POST", "/sapi/v1/asset/dust-convert/query-convertible-assets", "SIGNED", 1)
def list_convertible_assets(call: EndpointCall) -> object:
    """The balances worth less than 10 USDT, and their value in `targetAsset`."""
    target = call.params.required("targetAsset")
    rows = _dust_balances(call, _wallet_name(call), target, DUST_BELOW_USDT)
    usdt = {row.asset: round_half_up(row.free * call.venue.prices.usdt_price(row.asset)) for row in rows}
    details = [
        {
            "asset": row.asset,
            "assetFullName": row.asset,
            "amountFree": format_plain(row.free),
            "exchange": format_plain(round_half_up(row.target * DUST_FEE)),
            "toQuotaAssetAmount": format_plain(usdt[row.asset]),
            "toTargetAssetAmount": format_plain(row.target),
            "toTargetAssetOffExchange": format_plain(row.target - round_half_up(row.target * DUST_FEE)),
        }
        for row in rows
    ]
    return {
        "dribbletPercentage": format_plain(DUST_FEE),
        "totalTransferQuotaAssetAmount": format_plain(sum(usdt.values(), ZERO)),
        "totalTransferTargetAssetAmount": format_plain(sum((row.target for row in rows), ZERO)),
        "dribbletBase": format_plain(DUST_BELOW_USDT),
        "details": details,
    }


@endpoint("POST", "/sapi/v1/asset/dust-convert/convert", "SIGNED", 10, "UID", right="trading", repeats=("asset",))
def convert(call: EndpointCall) -> object:
    """Turn small balances into `targetAsset` (BNB when none is named). A `clientId` works once."""
    client_id = call.params.get("clientId")
    used = call.account.dust_client_ids
    if client_id in used:
        raise SimApiError(-4001, "Invalid operation.")
    answer = _convert(call, _wallet_name(call), call.params.get("targetAsset") or "BNB", DUST_BELOW_USDT)
    if client_id is not None:
        used.add(client_id)
    return answer


def _wallet_name(call: EndpointCall) -> WalletName:
    return "MARGIN" if call.params.choice("accountType", "SPOT", "MARGIN", default="SPOT") == "MARGIN" else "SPOT"


def _wallet(call: EndpointCall, name: WalletName) -> SimWallet:
    return call.cross().wallet if name == "MARGIN" else call.account.spot


def _usdt_limit(call: EndpointCall) -> Decimal:
    return DUST_BELOW_BTC * call.venue.prices.usdt_price("BTC")


def _dust_balances(call: EndpointCall, name: WalletName, target: str, below_usdt: Decimal) -> list[DustBalance]:
    prices = call.venue.prices
    if not prices.usdt_price(target):
        raise not_a_margin_asset()
    rows = []
    for asset, balance in _wallet(call, name).balances.items():
        worth = balance.free * prices.usdt_price(asset)
        if asset != target and worth and worth < below_usdt and not balance.owed:
            in_target = round_half_up(worth / prices.usdt_price(target))
            rows.append(DustBalance(asset, balance.free, round_half_up(worth / prices.usdt_price("BTC")), in_target))
    return rows


def _convert(call: EndpointCall, name: WalletName, target: str, below_usdt: Decimal) -> object:
    wanted = call.params.names("asset")
    if not wanted:
        raise missing_parameter("asset")
    wallet, venue = _wallet(call, name), call.venue
    known = {row.asset: row for row in _dust_balances(call, name, target, below_usdt)}
    for asset in wanted:
        if asset not in known:
            if wallet.free(asset) * venue.prices.usdt_price(asset) < below_usdt:
                raise SimApiError(-5003, "You don't have this asset.")
            raise SimApiError(-5004, "The residual balances exceed the limit.")
        if not round_down(known[asset].target):
            raise SimApiError(-5005, "The amount is too low.")
    batch = venue.next_tran_id()
    made = [_convert_balance(call, wallet, name, known[asset], target, batch) for asset in dict.fromkeys(wanted)]
    call.account.dust += made
    if name == "MARGIN":
        venue.emit_position(call.cross(), [target, *(row.asset for row in made)])
    return {
        "totalServiceCharge": format_plain(sum((row.fee for row in made), ZERO)),
        "totalTransfered": format_plain(sum((row.received + row.fee for row in made), ZERO)),
        "transferResult": [
            {
                "amount": format_plain(row.amount),
                "fromAsset": row.asset,
                "operateTime": row.at_ms,
                "serviceChargeAmount": format_plain(row.fee),
                "tranId": row.tran_id,
                # The documented samples count the fee in here, and leave it out in the log.
                "transferedAmount": format_plain(row.received + row.fee),
            }
            for row in made
        ],
    }


def _convert_balance(
    call: EndpointCall, wallet: SimWallet, name: WalletName, row: DustBalance, target: str, batch: int
) -> DustRecord:
    venue, account = call.venue, call.account
    fee = round_half_up(row.target * DUST_FEE)
    venue.ledger.pay(row.asset, row.free, wallet, "market", "dust")
    venue.ledger.pay(target, row.target, "market", wallet, "dust")
    venue.ledger.pay(target, fee, wallet, "fees", "dust fee")
    number = venue.next_tran_id()
    if name == "MARGIN":
        for asset, amount in ((row.asset, -row.free), (target, row.target - fee)):
            venue.record_flow(account, None, asset, "SMALL_BALANCE_CONVERT", amount, number)
    venue.record_movement(account, "dust", row.asset, row.free, wallet.place, "market", number, "api")
    return DustRecord(number, batch, call.now_ms, name, row.asset, row.free, target, row.target - fee, fee)


def _log_rows(rows: Sequence[DustRecord]) -> dict[str, object]:
    return {
        "operateTime": rows[0].at_ms,
        "totalTransferedAmount": format_plain(sum((row.received for row in rows), ZERO)),
        "totalServiceChargeAmount": format_plain(sum((row.fee for row in rows), ZERO)),
        "transId": rows[0].batch,
        "userAssetDribbletDetails": [
            {
                "transId": row.tran_id,
                "serviceChargeAmount": format_plain(row.fee),
                "amount": format_plain(row.amount),
                "operateTime": row.at_ms,
                "transferedAmount": format_plain(row.received),
                "fromAsset": row.asset,
                "targetAsset": row.target,
            }
            for row in rows
        ],
    }
