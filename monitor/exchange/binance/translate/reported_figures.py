"""The exchange's own figures of the margin accounts, not held against each other.

A snapshot whose figures contradict each other is rejected; here the contradiction itself is wanted.
"""

from decimal import Decimal

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
from monitor.exchange.binance.wire.numbers import parse_amount, parse_signed


def parse_reported_cross(account: CrossAccountPayload) -> ReportedCross:
    """Return the figures of the cross account with its rows that are not all zero. Raises Implausible for no number."""
    collateral, level = account.total_collateral_value_in_usdt, account.collateral_margin_level
    rows = tuple(_parse_row(row) for row in account.user_assets)
    return ReportedCross(
        balances=tuple(row for row in rows if not row.balance.is_zero or row.net),
        margin_level=_parse_level(account.margin_level, "marginLevel"),
        collateral_margin_level=None if level is None else _parse_level(level, "collateralMarginLevel"),
        assets_btc=parse_amount(account.total_asset_of_btc, "totalAssetOfBtc"),
        liabilities_btc=parse_amount(account.total_liability_of_btc, "totalLiabilityOfBtc"),
        net_btc=parse_signed(account.total_net_asset_of_btc, "totalNetAssetOfBtc"),
        collateral_usdt=None if collateral is None else parse_signed(collateral, "TotalCollateralValueInUSDT"),
        transfer_out_enabled=account.transfer_out_enabled,
    )


def parse_reported_isolated(account: IsolatedAccountPayload) -> ReportedIsolated:
    """Return the figures of the isolated pairs that were ever created. Raises Implausible for no number."""
    assets, liabilities, net = (
        account.total_asset_of_btc,
        account.total_liability_of_btc,
        account.total_net_asset_of_btc,
    )
    return ReportedIsolated(
        pairs=tuple(_parse_pair(row) for row in account.assets if row.isolated_created),
        assets_btc=None if assets is None else parse_amount(assets, "totalAssetOfBtc"),
        liabilities_btc=None if liabilities is None else parse_amount(liabilities, "totalLiabilityOfBtc"),
        net_btc=None if net is None else parse_signed(net, "totalNetAssetOfBtc"),
    )


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
