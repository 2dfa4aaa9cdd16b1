"""Small balances: which there are, turning them into BNB or another asset, and the log."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from monitor.sandbox.amounts import ZERO, down, nearest, plain
from monitor.sandbox.api.errors import Refusal, missing, not_an_asset
from monitor.sandbox.endpoints.history_paging import DAY_MS, window
from monitor.sandbox.endpoints.registry import Call, endpoint
from monitor.sandbox.ledger.accounts import DustRecord
from monitor.sandbox.ledger.ledger import Wallet

DUST_BELOW_BTC = Decimal("0.001")
# In USDT, where the target of the conversion is free to choose.
DUST_BELOW_USDT = Decimal(10)
FEE = Decimal("0.02")
LOG_LENGTH = 100
# 2020-12-01, from which on the log is kept.
LOG_STARTS_MS = 1_606_780_800_000

WalletName = Literal["SPOT", "MARGIN"]


class Dust(NamedTuple):
    """A small balance and its worth in other assets, before the fee."""

    asset: str
    free: Decimal
    btc: Decimal
    target: Decimal


@endpoint("POST", "/sapi/v1/asset/dust-btc", "SIGNED", 1)
def convertible_to_bnb(call: Call) -> object:
    """The balances worth less than 0.001 BTC, and what they are in BNB."""
    rows = _dust(call, _wallet_name(call), "BNB", _usdt_limit(call))
    return {
        "details": [
            {
                "asset": row.asset,
                "assetFullName": row.asset,
                "amountFree": plain(row.free),
                "toBTC": plain(row.btc),
                "toBNB": plain(row.target),
                "toBNBOffExchange": plain(row.target - nearest(row.target * FEE)),
                "exchange": plain(nearest(row.target * FEE)),
            }
            for row in rows
        ],
        "totalTransferBtc": plain(sum((row.btc for row in rows), ZERO)),
        "totalTransferBNB": plain(sum((row.target for row in rows), ZERO)),
        "dribbletPercentage": plain(FEE),
    }


@endpoint("POST", "/sapi/v1/asset/dust", "SIGNED", 10, "UID", right="trading", repeats=("asset",))
def convert_to_bnb(call: Call) -> object:
    """Turn small balances into BNB, once in 24 hours."""
    name = _wallet_name(call)
    if any(row.wallet == name and call.now_ms - row.at_ms < DAY_MS for row in call.account.dust):
        raise Refusal(-5006, "Only transfer once within 24 hours.")
    return _convert(call, name, "BNB", _usdt_limit(call))


@endpoint("GET", "/sapi/v1/asset/dribblet", "SIGNED", 1)
def dust_log(call: Call) -> object:
    """The newest conversions, a row for each request."""
    name = _wallet_name(call)
    first = max(LOG_STARTS_MS, call.params.integer("startTime") or 0)
    last = window(call)[1]
    batches: dict[int, list[DustRecord]] = {}
    for row in reversed(call.account.dust):
        if row.wallet == name and first <= row.at_ms <= last:
            batches.setdefault(row.batch, []).append(row)
    shown = list(batches.values())[:LOG_LENGTH]
    return {"total": len(shown), "userAssetDribblets": [_logged(rows) for rows in shown]}


@endpoint("POST", "/sapi/v1/asset/dust-convert/query-convertible-assets", "SIGNED", 1)
def convertible_assets(call: Call) -> object:
    """The balances worth less than 10 USDT, and what they are in `targetAsset`."""
    target = call.params.required("targetAsset")
    rows = _dust(call, _wallet_name(call), target, DUST_BELOW_USDT)
    usdt = {row.asset: nearest(row.free * call.venue.prices.usdt(row.asset)) for row in rows}
    details = [
        {
            "asset": row.asset,
            "assetFullName": row.asset,
            "amountFree": plain(row.free),
            "exchange": plain(nearest(row.target * FEE)),
            "toQuotaAssetAmount": plain(usdt[row.asset]),
            "toTargetAssetAmount": plain(row.target),
            "toTargetAssetOffExchange": plain(row.target - nearest(row.target * FEE)),
        }
        for row in rows
    ]
    return {
        "dribbletPercentage": plain(FEE),
        "totalTransferQuotaAssetAmount": plain(sum(usdt.values(), ZERO)),
        "totalTransferTargetAssetAmount": plain(sum((row.target for row in rows), ZERO)),
        "dribbletBase": plain(DUST_BELOW_USDT),
        "details": details,
    }


@endpoint("POST", "/sapi/v1/asset/dust-convert/convert", "SIGNED", 10, "UID", right="trading", repeats=("asset",))
def convert(call: Call) -> object:
    """Turn small balances into `targetAsset` (BNB when none is named). A `clientId` works once."""
    client_id = call.params.get("clientId")
    used = call.account.dust_client_ids
    if client_id in used:
        raise Refusal(-4001, "Invalid operation.")
    answer = _convert(call, _wallet_name(call), call.params.get("targetAsset") or "BNB", DUST_BELOW_USDT)
    if client_id is not None:
        used.add(client_id)
    return answer


def _wallet_name(call: Call) -> WalletName:
    return "MARGIN" if call.params.choice("accountType", "SPOT", "MARGIN", default="SPOT") == "MARGIN" else "SPOT"


def _wallet(call: Call, name: WalletName) -> Wallet:
    return call.cross().wallet if name == "MARGIN" else call.account.spot


def _usdt_limit(call: Call) -> Decimal:
    return DUST_BELOW_BTC * call.venue.prices.usdt("BTC")


def _dust(call: Call, name: WalletName, target: str, below_usdt: Decimal) -> list[Dust]:
    prices = call.venue.prices
    if not prices.usdt(target):
        raise not_an_asset()
    rows = []
    for asset, balance in _wallet(call, name).balances.items():
        worth = balance.free * prices.usdt(asset)
        if asset != target and worth and worth < below_usdt and not balance.owed:
            in_target = nearest(worth / prices.usdt(target))
            rows.append(Dust(asset, balance.free, nearest(worth / prices.usdt("BTC")), in_target))
    return rows


def _convert(call: Call, name: WalletName, target: str, below_usdt: Decimal) -> object:
    wanted = call.params.names("asset")
    if not wanted:
        raise missing("asset")
    wallet, venue = _wallet(call, name), call.venue
    known = {row.asset: row for row in _dust(call, name, target, below_usdt)}
    for asset in wanted:
        if asset not in known:
            if wallet.free(asset) * venue.prices.usdt(asset) < below_usdt:
                raise Refusal(-5003, "You don't have this asset.")
            raise Refusal(-5004, "The residual balances exceed the limit.")
        if not down(known[asset].target):
            raise Refusal(-5005, "The amount is too low.")
    batch = venue.next_tran_id()
    made = [_swap(call, wallet, name, known[asset], target, batch) for asset in dict.fromkeys(wanted)]
    call.account.dust += made
    if name == "MARGIN":
        venue.tell_position(call.cross(), [target, *(row.asset for row in made)])
    return {
        "totalServiceCharge": plain(sum((row.fee for row in made), ZERO)),
        "totalTransfered": plain(sum((row.received + row.fee for row in made), ZERO)),
        "transferResult": [
            {
                "amount": plain(row.amount),
                "fromAsset": row.asset,
                "operateTime": row.at_ms,
                "serviceChargeAmount": plain(row.fee),
                "tranId": row.tran_id,
                # The documented samples count the fee in here, and leave it out in the log.
                "transferedAmount": plain(row.received + row.fee),
            }
            for row in made
        ],
    }


def _swap(call: Call, wallet: Wallet, name: WalletName, row: Dust, target: str, batch: int) -> DustRecord:
    venue, account = call.venue, call.account
    fee = nearest(row.target * FEE)
    venue.books.pay(row.asset, row.free, wallet, "market", "dust")
    venue.books.pay(target, row.target, "market", wallet, "dust")
    venue.books.pay(target, fee, wallet, "fees", "dust fee")
    number = venue.next_tran_id()
    if name == "MARGIN":
        for asset, amount in ((row.asset, -row.free), (target, row.target - fee)):
            venue.record_flow(account, None, asset, "SMALL_BALANCE_CONVERT", amount, number)
    venue.record_movement(account, "dust", row.asset, row.free, wallet.place, "market", number, "api")
    return DustRecord(number, batch, call.now_ms, name, row.asset, row.free, target, row.target - fee, fee)


def _logged(rows: Sequence[DustRecord]) -> dict[str, object]:
    return {
        "operateTime": rows[0].at_ms,
        "totalTransferedAmount": plain(sum((row.received for row in rows), ZERO)),
        "totalServiceChargeAmount": plain(sum((row.fee for row in rows), ZERO)),
        "transId": rows[0].batch,
        "userAssetDribbletDetails": [
            {
                "transId": row.tran_id,
                "serviceChargeAmount": plain(row.fee),
                "amount": plain(row.amount),
                "operateTime": row.at_ms,
                "transferedAmount": plain(row.received),
                "fromAsset": row.asset,
                "targetAsset": row.target,
            }
            for row in rows
        ],
    }
