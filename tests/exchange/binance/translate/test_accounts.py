"""Translation of account payloads: sentinels, units, and answers that are rejected."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from monitor.core.model.account import (
    Balance,
    CrossSnapshot,
    IsolatedSnapshot,
    LeverageTier,
    PairStatus,
    Thresholds,
)
from monitor.core.numbers.amounts import INFINITE
from monitor.exchange.binance.translate import accounts, reference_data
from monitor.exchange.binance.translate.accounts import ListedAssets
from monitor.exchange.binance.wire.accounts import (
    CrossAccountPayload,
    IsolatedAccountPayload,
    IsolatedTierRow,
    KeyPermissionsPayload,
    ThresholdsPayload,
)
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.numbers import ImplausibleValue, parse_amount, parse_signed, parse_time
from monitor.exchange.binance.wire.row_decoding import decode_rows
from tests.support.examples.payloads import (
    Document,
    cross_account,
    cross_row,
    example_answer,
    isolated_account,
    pair_row,
)

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
D = Decimal


def cross(document: Document) -> CrossSnapshot:
    return accounts.parse_cross_snapshot(
        decode(json.dumps(document).encode(), CrossAccountPayload), as_of=AT, received_at=AT
    )


def isolated(document: Document) -> IsolatedSnapshot:
    return accounts.parse_isolated_snapshot(
        decode(json.dumps(document).encode(), IsolatedAccountPayload), as_of=AT, received_at=AT
    )


def test_cross_account_keeps_the_rows_that_are_not_zero() -> None:
    snapshot = cross(cross_account())
    assert snapshot.balances == {
        "BTC": Balance("BTC", free=D(1), locked=D("0.5")),
        "USDT": Balance("USDT", free=D(20000), borrowed=D(29990), interest=D(10)),
        "ETH": Balance("ETH", borrowed=D(10)),
    }
    assert (snapshot.margin_level, snapshot.collateral_margin_level) == (D("1.83333333"), D("1.75833333"))
    assert (snapshot.assets_btc, snapshot.liabilities_btc) == (D("1.83333333"), D(1))
    assert (snapshot.transfer_in_enabled, snapshot.transfer_out_enabled) == (True, False)


def test_interest_alone_is_a_row_that_counts() -> None:
    rows = [*cross_account()["userAssets"], cross_row("BNB", interest="0.00000001", netAsset="-0.00000001")]
    assert cross(cross_account(userAssets=rows[:3] + rows[4:])).balances["BNB"].owed == D("0.00000001")


@pytest.mark.parametrize("name", ["TotalCollateralValueInUSDT", "totalCollateralValueInUSDT"])
def test_collateral_value_that_is_no_number_rejects_the_answer_in_either_spelling(name: str) -> None:
    document = cross_account()
    del document["TotalCollateralValueInUSDT"]
    assert cross({**document, name: "105500"}) == cross(document)
    with pytest.raises(ImplausibleValue, match="TotalCollateralValueInUSDT"):
        cross({**document, name: "much"})


@pytest.mark.parametrize("level", ["999", "999.00000000", "0", "12345.6"])
def test_level_without_debt_is_infinite_however_it_is_written(level: str) -> None:
    document = cross_account(
        marginLevel=level,
        collateralMarginLevel=level,
        totalLiabilityOfBtc="0.00000000",
        totalNetAssetOfBtc="1.83333333",
        userAssets=[cross_row("BTC", free="1.83333333", netAsset="1.83333333"), cross_row("USDT")],
    )
    snapshot = cross(document)
    assert (snapshot.margin_level, snapshot.collateral_margin_level) == (INFINITE, INFINITE)


def test_empty_account_is_accepted() -> None:
    snapshot = cross(
        cross_account(
            created=False,
            marginLevel="999",
            totalAssetOfBtc="0",
            totalLiabilityOfBtc="0",
            totalNetAssetOfBtc="0",
            userAssets=[],
        )
    )
    assert (snapshot.balances, snapshot.margin_level) == ({}, INFINITE)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"marginLevel": "1.9"}, "marginLevel"),
        ({"marginLevel": "999"}, "marginLevel"),
        ({"marginLevel": "NaN"}, "marginLevel"),
        ({"marginLevel": "Infinity"}, "marginLevel"),
        ({"marginLevel": "-1.8"}, "marginLevel"),
        ({"marginLevel": ""}, "marginLevel"),
        ({"marginLevel": "1_8"}, "marginLevel"),
        ({"marginLevel": "１"}, "marginLevel"),
        ({"totalAssetOfBtc": "1e30"}, "totalAssetOfBtc"),
        ({"totalLiabilityOfBtc": "-1"}, "totalLiabilityOfBtc"),
        ({"totalLiabilityOfBtc": "0", "totalNetAssetOfBtc": "1.83333333"}, "marginLevel"),
        ({"totalNetAssetOfBtc": "5"}, "totalNetAssetOfBtc"),
        ({"userAssets": []}, "lacks the row of BTC"),
        ({"userAssets": [cross_row("BTC"), cross_row("USDT")]}, "lacks the debt"),
        ({"userAssets": [cross_row("BTC", free="1.83", netAsset="1.83"), cross_row("USDT")]}, "lacks the debt"),
        ({"userAssets": [cross_row("USDT", borrowed="9", netAsset="-9"), cross_row("BTC")]}, "lacks the holdings"),
        ({"userAssets": [cross_row("BTC", free="-1", netAsset="-1")]}, "BTC.free"),
        ({"userAssets": [cross_row("BTC", free="nan")]}, "BTC.free"),
        ({"userAssets": [cross_row("BTC", free="2", netAsset="1")]}, "BTC.netAsset"),
        ({"userAssets": [cross_row("BTC", netAsset="1")]}, "BTC.netAsset"),
        ({"userAssets": [cross_row("BTC", free="99999999999999999999", netAsset="0")]}, "BTC.free"),
        ({"userAssets": [cross_row("", free="1", netAsset="1")]}, "asset"),
        ({"userAssets": [*cross_account()["userAssets"], *cross_account()["userAssets"]]}, "BTC"),
    ],
)
def test_implausible_cross_account_is_rejected_with_the_field(changes: Document, field: str) -> None:
    with pytest.raises(ImplausibleValue, match=field):
        cross(cross_account(**changes))


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (ListedAssets(4, frozenset({"SOL", "BNB"})), "lacks the row of SOL"),
        (ListedAssets(5), "lacks rows: 4 after 5"),
    ],
)
def test_account_that_lost_rows_is_refused(last: ListedAssets, why: str) -> None:
    account = decode(json.dumps(cross_account()).encode(), CrossAccountPayload)
    with pytest.raises(ImplausibleValue, match=why):
        accounts.parse_cross_snapshot(account, as_of=AT, received_at=AT, previous=last)


def test_a_delisted_row_among_many_may_go() -> None:
    rows = [*cross_account()["userAssets"], *(cross_row(f"TKN{number}") for number in range(10))]
    account = decode(json.dumps(cross_account(userAssets=rows)).encode(), CrossAccountPayload)
    last = ListedAssets(15, frozenset({"BTC", "ETH", "USDT"}))
    assert accounts.parse_cross_snapshot(account, as_of=AT, received_at=AT, previous=last).balances


@pytest.mark.parametrize("field", ["marginLevel", "totalAssetOfBtc", "totalLiabilityOfBtc", "userAssets"])
@pytest.mark.parametrize("value", [None, 1.5, True, {}, "absent"])
def test_missing_or_wrongly_typed_field_is_refused(field: str, value: Any) -> None:
    document = cross_account(**{field: value})
    if value == "absent":
        del document[field]
    with pytest.raises(ImplausibleValue, match=field):
        cross(document)


@pytest.mark.parametrize("field", ["asset", "borrowed", "free", "interest", "locked", "netAsset"])
def test_row_without_an_amount_is_refused(field: str) -> None:
    document = cross_account()
    del document["userAssets"][3][field]
    with pytest.raises(ImplausibleValue, match=field):
        cross(document)


def test_cross_account_whose_rows_lack_its_debt_is_rejected() -> None:
    document = json.loads(example_answer("GET /sapi/v1/margin/account"))
    assert accounts.parse_cross_snapshot(
        decode(json.dumps(document).encode(), CrossAccountPayload), as_of=AT, received_at=AT
    ).balances["USDT"].owed == D("27512.5")
    document["userAssets"] = [row for row in document["userAssets"] if row["asset"] != "USDT"]
    account = decode(json.dumps(document).encode(), CrossAccountPayload)
    assert account.margin_level == "2.04497955"
    with pytest.raises(ImplausibleValue, match="userAssets lacks the debt"):
        accounts.parse_cross_snapshot(account, as_of=AT, received_at=AT)


def test_isolated_pair_is_translated() -> None:
    pair = isolated(isolated_account(pair_row())).pairs["BTCUSDT"]
    assert (pair.base.held, pair.quote.owed, pair.margin_level) == (D(1), D(40000), D("1.25"))
    assert (pair.index_price, pair.liquidation_price, pair.status) == (D(50000), D(46000), PairStatus.NORMAL)


def test_pair_without_debt_has_no_liquidation_price_and_an_infinite_level() -> None:
    account = decode(example_answer("GET /sapi/v1/margin/isolated/account"), IsolatedAccountPayload)
    pairs = accounts.parse_isolated_snapshot(account, as_of=AT, received_at=AT).pairs
    calm, owing = pairs["SOLUSDT"], pairs["ETHUSDT"]
    assert (calm.margin_level, calm.liquidation_price, calm.quote.free) == (INFINITE, None, D(25))
    assert (owing.margin_level, owing.liquidation_price) == (D("1.66625010"), D("1650.41250000"))


def test_pair_never_created_is_dropped_and_a_disabled_one_kept() -> None:
    placeholder = pair_row(
        symbol="ETHUSDT",
        isolatedCreated=False,
        enabled=False,
        marginLevel="999",
        liquidatePrice="0",
        baseAsset=cross_row("ETH"),
        quoteAsset=cross_row("USDT"),
    )
    snapshot = isolated(isolated_account(pair_row(enabled=False), placeholder))
    assert list(snapshot.pairs) == ["BTCUSDT"]
    assert not snapshot.pairs["BTCUSDT"].enabled


def test_unknown_status_is_no_status() -> None:
    assert isolated(isolated_account(pair_row(marginLevelStatus="SLEEPING"))).pairs["BTCUSDT"].status is None


def eth_row(**changes: Any) -> Document:
    """Build a pair without debt."""
    base, quote = cross_row("ETH", free="1", netAsset="1"), cross_row("USDT")
    return pair_row(
        **{"symbol": "ETHUSDT", "marginLevel": "999", "liquidatePrice": "0", "indexPrice": "3000"}
        | {"baseAsset": base, "quoteAsset": quote}
        | changes
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"marginLevel": None},
        {"marginLevel": "NaN"},
        {"indexPrice": "abc"},
        {"baseAsset": None},
        {"baseAsset": cross_row("ETH", free=1)},
        {"quoteAsset": cross_row("USDT", borrowed="5", netAsset="-5"), "indexPrice": "0", "marginLevel": "1.2"},
        {"quoteAsset": cross_row("USDT", borrowed="5", netAsset="-5"), "indexPrice": None, "marginLevel": "1.2"},
    ],
)
def test_invalid_pair_is_reported_and_the_others_kept(odd: Document) -> None:
    body = json.dumps(isolated_account(eth_row(**odd), pair_row())).encode()
    account, rows = decode_rows(body, IsolatedAccountPayload, "assets")
    found = list(rows)
    snapshot = accounts.parse_isolated_snapshot(account, as_of=AT, received_at=AT, rejected_rows=found)
    assert (list(snapshot.pairs), set(snapshot.rejected), snapshot.complete) == (["BTCUSDT"], {"ETHUSDT"}, False)
    assert [row.name for row in found] == ["ETHUSDT"]


@pytest.mark.parametrize("index", ["0", "0.00000000", None, ""])
def test_a_pair_that_owes_nothing_needs_no_index(index: str | None) -> None:
    snapshot = isolated(isolated_account(eth_row(indexPrice=index, liquidatePrice=None), pair_row()))
    pair = snapshot.pairs["ETHUSDT"]
    assert (pair.index_price, pair.margin_level, pair.liquidation_price) == (D(0), INFINITE, None)
    assert not snapshot.rejected


@pytest.mark.parametrize("level", ["0.1", "1.4", "3"])
def test_dust_with_a_rounded_last_digit_is_accepted(level: str) -> None:
    dust = "0.00000001"
    quote = cross_row("USDT", borrowed=dust, free=dust, netAsset="0")
    row = eth_row(baseAsset=cross_row("ETH"), quoteAsset=quote, marginLevel=level)
    snapshot = isolated(isolated_account(row, pair_row()))
    assert snapshot.pairs["ETHUSDT"].margin_level == D(level)


def test_invalid_cross_asset_is_reported_and_the_others_kept() -> None:
    rows = [*cross_account()["userAssets"], cross_row("ADA", free="NaN"), cross_row("XRP", free=None)]
    account, unread = decode_rows(
        json.dumps(cross_account(userAssets=rows)).encode(), CrossAccountPayload, "userAssets"
    )
    found = list(unread)
    snapshot = accounts.parse_cross_snapshot(account, as_of=AT, received_at=AT, rejected_rows=found)
    assert set(snapshot.balances) == {"BTC", "USDT", "ETH"}
    assert snapshot.rejected == {"ADA", "XRP"}
    assert snapshot.margin_level == D("1.83333333")


def test_cross_without_a_row_of_usdt_holds_and_owes_none() -> None:
    rows = [cross_row("BTC", free="1.5", netAsset="1.5"), cross_row("USDC", borrowed="60000", netAsset="-60000")]
    account = cross_account(
        userAssets=rows,
        marginLevel="1.5",
        totalAssetOfBtc="1.5",
        totalLiabilityOfBtc="1",
        totalNetAssetOfBtc="0.5",
    )
    assert set(cross(account).balances) == {"BTC", "USDC"}
    with pytest.raises(ImplausibleValue, match="lacks the debt"):
        cross({**account, "userAssets": rows[:1]})


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (isolated_account(pair_row(marginLevel="1.9")), "BTCUSDT.marginLevel"),
        (isolated_account(pair_row(indexPrice="0")), "BTCUSDT.indexPrice"),
        (isolated_account(pair_row(liquidatePrice="-1")), "BTCUSDT.liquidatePrice"),
        (isolated_account(pair_row(), pair_row()), "BTCUSDT comes twice"),
        (isolated_account(), "lacks the debt"),
        (isolated_account(totalLiabilityOfBtc="0"), "lacks the holdings"),
        (isolated_account(pair_row(isolatedCreated=None)), "isolatedCreated"),
        (isolated_account(pair_row(), totalNetAssetOfBtc="0.35"), "totalNetAssetOfBtc"),
    ],
)
def test_implausible_isolated_account_is_rejected(document: Document, field: str) -> None:
    with pytest.raises(ImplausibleValue, match=field):
        isolated(document)


def test_thresholds_are_the_documented_ones() -> None:
    coefficients = decode(example_answer("GET /sapi/v1/margin/tradeCoeff"), ThresholdsPayload)
    assert reference_data.parse_thresholds(coefficients) == Thresholds(
        initial=D("1.25"), margin_call=D("1.16"), liquidation=D("1.1")
    )


@pytest.mark.parametrize(
    "bars", [("1.1", "1.3", "1.5"), ("1.5", "1.3", "0"), ("1.5", "-1", "1.1"), ("x", "1.3", "1.1")]
)
def test_unordered_thresholds_are_rejected(bars: tuple[str, str, str]) -> None:
    body = json.dumps(dict(zip(("normalBar", "marginCallBar", "forceLiquidationBar"), bars, strict=True)))
    with pytest.raises(ImplausibleValue):
        reference_data.parse_thresholds(decode(body.encode(), ThresholdsPayload))


def test_tiers_are_those_of_the_symbol() -> None:
    rows = decode(example_answer("GET /sapi/v1/margin/isolatedMarginTier"), list[IsolatedTierRow])
    (tier,) = reference_data.parse_tiers(rows, "ETHUSDT")
    assert tier == LeverageTier(1, D("1.25"), D("1.15"), D(800), D(1_500_000))
    with pytest.raises(ImplausibleValue, match="BTCUSDT"):
        reference_data.parse_tiers(rows, "BTCUSDT")


def test_permissions_are_read() -> None:
    body = (
        b'{"ipRestrict":false,"createTime":1698645219000,"enableReading":true,"enableWithdrawals":false,'
        b'"enableInternalTransfer":true,"enableMargin":true,"enableFutures":false,"permitsUniversalTransfer":true,'
        b'"enableVanillaOptions":true,"enableSpotAndMarginTrading":false,"enablePortfolioMarginTrading":true}'
    )
    permissions = reference_data.parse_permissions(decode(body, KeyPermissionsPayload))
    assert (permissions.reading, permissions.margin, permissions.universal_transfer) == (True, True, True)
    assert (permissions.trading, permissions.withdrawals, permissions.ip_restricted) == (False, False, False)
    assert permissions.portfolio_margin
    assert (permissions.internal_transfer, permissions.futures, permissions.options) == (True, False, True)
    assert permissions.expires_at is None


@pytest.mark.parametrize(
    ("expiry", "at"), [(b"0", None), (b"1698645219000", datetime(2023, 10, 30, 5, 53, 39, tzinfo=UTC))]
)
def test_expiry_of_a_key_may_be_zero_for_none(expiry: bytes, at: datetime | None) -> None:
    body = (
        b'{"ipRestrict":false,"createTime":0,"enableReading":true,"enableWithdrawals":false,"enableMargin":true,'
        b'"enableSpotAndMarginTrading":false,"tradingAuthorityExpirationTime":' + expiry + b"}"
    )
    assert reference_data.parse_permissions(decode(body, KeyPermissionsPayload)).expires_at == at


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (1704973040, datetime(2024, 1, 11, 11, 37, 20, tzinfo=UTC)),
        (1704973040000, datetime(2024, 1, 11, 11, 37, 20, tzinfo=UTC)),
        (1704973040000500, datetime(2024, 1, 11, 11, 37, 20, 500, tzinfo=UTC)),
        ("1736996475556", datetime(2025, 1, 16, 3, 1, 15, 556000, tzinfo=UTC)),
    ],
)
def test_seconds_milliseconds_and_microseconds_are_distinguished(value: int | str, at: datetime) -> None:
    assert parse_time(value, "t") == at


@pytest.mark.parametrize("value", [0, -1, 1, 10**17, 10**20, "", "1e9", "soon", "9" * 30])
def test_invalid_time_is_rejected(value: int | str) -> None:
    with pytest.raises(ImplausibleValue, match="t is n"):
        parse_time(value, "t")


@pytest.mark.parametrize(
    ("text", "number"), [("0.00000001", "1E-8"), ("1E-8", "1E-8"), ("-0.5", "-0.5"), ("1e3", "1E+3")]
)
def test_number_is_exactly_what_the_text_says(text: str, number: str) -> None:
    assert parse_signed(text, "x") == D(number)


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "1,5", "0x10", "NaN", "-Infinity", "1e999", "٣", "1e-", "." * 9]
)
def test_invalid_number_is_rejected(text: str) -> None:
    with pytest.raises(ImplausibleValue, match="x"):
        parse_amount(text, "x")
