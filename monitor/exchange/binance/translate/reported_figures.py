"""The exchange's own figures of the margin accounts, not held against each other.

A snapshot whose figures contradict each other is rejected; here the contradiction itself is wanted.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from monitor.core.model.account import Balance, IsolatedPair, PairStatus
from monitor.core.model.reported_figures import ReportedBalance, ReportedCross, ReportedIsolated, ReportedPair
from monitor.core.numbers.amounts import INFINITE
from monitor.exchange.binance.translate.accounts import NO_DEBT_LEVEL
from monitor.exchange.binance.wire.accounts import (
    CrossAccountPayload,
    CrossAssetRow,
    IsolatedAccountPayload,
    IsolatedAssetRow,
    IsolatedPairRow,
)
from monitor.exchange.binance.wire.numbers import ImplausibleValue, parse_amount, parse_signed
from monitor.exchange.binance.wire.row_decoding import RejectedRow

T = TypeVar("T")
U = TypeVar("U")


def parse_reported_cross(account: CrossAccountPayload, rejected_rows: Iterable[RejectedRow] = ()) -> ReportedCross:
    """Return the figures of the cross account with its rows that are not all zero. Raises Implausible for no number.

    Rows that can't be read, `rejected_rows` before, are named.
    """
    collateral, level = account.total_collateral_value_in_usdt, account.collateral_margin_level
    rows, unread = _parse_rows(account.user_assets, _parse_row, lambda row: row.asset)
    return ReportedCross(
        balances=tuple(row for row in rows if not row.balance.is_zero or row.net),
        margin_level=_parse_level(account.margin_level, "marginLevel"),
        collateral_margin_level=None if level is None else _parse_level(level, "collateralMarginLevel"),
        assets_btc=parse_amount(account.total_asset_of_btc, "totalAssetOfBtc"),
        liabilities_btc=parse_amount(account.total_liability_of_btc, "totalLiabilityOfBtc"),
        net_btc=parse_signed(account.total_net_asset_of_btc, "totalNetAssetOfBtc"),
        collateral_usdt=None if collateral is None else parse_signed(collateral, "TotalCollateralValueInUSDT"),
        transfer_out_enabled=account.transfer_out_enabled,
        unread=(*(row.name for row in rejected_rows), *unread),
    )


def parse_reported_isolated(
    account: IsolatedAccountPayload, rejected_rows: Iterable[RejectedRow] = ()
) -> ReportedIsolated:
    """Return the figures of the isolated pairs that were ever created. Raises Implausible for no number."""
    created = [row for row in account.assets if row.isolated_created]
    pairs, unread = _parse_rows(created, _parse_pair, lambda row: row.symbol)
    assets, liabilities, net = (
        account.total_asset_of_btc,
        account.total_liability_of_btc,
        account.total_net_asset_of_btc,
    )
    return ReportedIsolated(
        pairs=pairs,
        assets_btc=None if assets is None else parse_amount(assets, "totalAssetOfBtc"),
        liabilities_btc=None if liabilities is None else parse_amount(liabilities, "totalLiabilityOfBtc"),
        net_btc=None if net is None else parse_signed(net, "totalNetAssetOfBtc"),
        unread=(*(row.name for row in rejected_rows), *unread),
    )


def _parse_rows(
    rows: Iterable[T], parse: Callable[[T], U], name_of: Callable[[T], str]
) -> tuple[tuple[U, ...], tuple[str, ...]]:
    """Return the rows that can be read, and the names of the others."""
    found: list[U] = []
    unread: list[str] = []
    for row in rows:
        try:
            found.append(parse(row))
        except ImplausibleValue:
            unread.append(name_of(row))
    return tuple(found), tuple(unread)


def _parse_level(text: str, field: str) -> Decimal:
    level = parse_amount(text, field)
    return INFINITE if level >= NO_DEBT_LEVEL else level


def _parse_row(row: CrossAssetRow | IsolatedAssetRow) -> ReportedBalance:
    balance = Balance(
        asset=row.asset,
        free=parse_amount(row.free, f"{row.asset}.free"),
        locked=parse_amount(row.locked, f"{row.asset}.locked"),
        borrowed=parse_amount(row.borrowed, f"{row.asset}.borrowed"),
        interest=parse_amount(row.interest, f"{row.asset}.interest"),
    )
    return ReportedBalance(balance, parse_signed(row.net_asset, f"{row.asset}.netAsset"))


def _parse_pair(row: IsolatedPairRow) -> ReportedPair:
    base, quote = _parse_row(row.base_asset), _parse_row(row.quote_asset)
    level = _parse_level(row.margin_level, f"{row.symbol}.marginLevel")
    owed = base.balance.owed or quote.balance.owed
    pair = IsolatedPair(
        symbol=row.symbol,
        base=base.balance,
        quote=quote.balance,
        margin_level=level if owed else INFINITE,
        status=PairStatus.__members__.get(row.margin_level_status or ""),
        index_price=parse_amount(row.index_price or "0", f"{row.symbol}.indexPrice"),
        liquidation_price=parse_amount(row.liquidate_price or "0", f"{row.symbol}.liquidatePrice") or None,
        created=row.isolated_created,
        enabled=row.enabled,
        trade_enabled=row.trade_enabled,
    )
    return ReportedPair(pair, base.net, quote.net)
