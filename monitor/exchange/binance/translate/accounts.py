"""Margin account snapshots: levels without sentinels, and every check an answer must pass."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import Balance, CrossSnapshot, IsolatedPair, IsolatedSnapshot, PairStatus
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.exchange.binance.wire.accounts import (
    CrossAccountPayload,
    CrossAssetRow,
    IsolatedAccountPayload,
    IsolatedAssetRow,
    IsolatedPairRow,
)
from monitor.exchange.binance.wire.numbers import ZERO_TEXTS, ImplausibleValue, parse_amount, parse_signed
from monitor.exchange.binance.wire.row_decoding import RejectedRow

NO_DEBT_LEVEL = Decimal(999)
"""The exchange's level when nothing is owed; core never sees this number as a level."""

_LEVEL_TOLERANCE = Decimal("0.01")
_PAIR_LEVEL_TOLERANCE = Decimal("0.05")
_NET_TOLERANCE = Decimal("0.000001")
_MIN_ROWS_SHARE = Decimal("0.9")
_ALWAYS_LISTED = frozenset({"BTC"})
"""Assets that every answer lists. USDT is missing in some regions: then none of it is held or owed."""

_MIN_AMOUNT = Decimal("0.00000001")
_DUST_BTC = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class ListedAssets:
    """Assets of a complete answer about cross: the number of rows, and the assets whose row was not all zero."""

    rows: int = 0
    assets: frozenset[str] = frozenset()


def parse_cross_snapshot(
    account: CrossAccountPayload,
    *,
    as_of: datetime,
    received_at: datetime,
    previous: ListedAssets | None = None,
    rejected_rows: list[RejectedRow] | None = None,
) -> CrossSnapshot:
    """Return the cross account with its rows that are not all zero.

    The exchange lists every asset of the region, zeros included: the assets of `previous` must still have rows, and
    only a few of its rows, of delisted assets, may be missing. A row that is not believable is left out and added to
    `rejected_rows`, which already holds the unreadable ones. Raises Implausible for missing rows, and for rows or
    levels that contradict the totals.
    """
    rejected_rows = rejected_rows if rejected_rows is not None else []
    balances = _parse_cross_balances(account.user_assets, rejected_rows)
    if account.created:
        _check_rows(account, previous or ListedAssets(), rejected_rows)
    assets = parse_amount(account.total_asset_of_btc, "totalAssetOfBtc")
    liabilities = parse_amount(account.total_liability_of_btc, "totalLiabilityOfBtc")
    net = parse_signed(account.total_net_asset_of_btc, "totalNetAssetOfBtc")
    if abs(assets - liabilities - net) > max(_NET_TOLERANCE, assets * _LEVEL_TOLERANCE):
        raise ImplausibleValue("totalNetAssetOfBtc contradicts the other totals")
    owing = any(balance.owed for balance in balances.values())
    if liabilities and not owing:
        raise ImplausibleValue(
            _reject_reason(rejected_rows, "userAssets lacks the debt that totalLiabilityOfBtc shows")
        )
    if assets and not any(balance.held for balance in balances.values()):
        raise ImplausibleValue(
            _reject_reason(rejected_rows, "userAssets lacks the holdings that totalAssetOfBtc shows")
        )
    collateral_level = account.collateral_margin_level
    if account.total_collateral_value_in_usdt is not None:
        # Unused, but an answer with an invalid number is rejected.
        parse_signed(account.total_collateral_value_in_usdt, "TotalCollateralValueInUSDT")
    return CrossSnapshot(
        as_of=as_of,
        received_at=received_at,
        balances=balances,
        margin_level=_parse_cross_level(account.margin_level, assets, liabilities, owing=owing),
        collateral_margin_level=INFINITE
        if collateral_level is None
        else _parse_collateral_level(collateral_level, owing=owing),
        assets_btc=assets,
        liabilities_btc=liabilities,
        account_type=account.account_type,
        borrow_enabled=account.borrow_enabled,
        trade_enabled=account.trade_enabled,
        transfer_in_enabled=account.transfer_in_enabled,
        transfer_out_enabled=account.transfer_out_enabled,
        rejected=frozenset(row.name for row in rejected_rows),
    )


def parse_isolated_snapshot(
    account: IsolatedAccountPayload,
    *,
    as_of: datetime,
    received_at: datetime,
    rejected_rows: list[RejectedRow] | None = None,
) -> IsolatedSnapshot:
    """Return the isolated pairs that were ever created; pairs whose rows are not believable are named as rejected.

    Their rows are added to `rejected_rows`, which already holds the unreadable ones. Raises Implausible where no pair
    is left, and where the pairs contradict the totals.
    """
    rejected_rows = rejected_rows if rejected_rows is not None else []
    pairs: dict[str, IsolatedPair] = {}
    for row in account.assets:
        # A pair that was never created comes as a placeholder that looks healthy.
        if not row.isolated_created:
            continue
        if row.symbol in pairs:
            raise ImplausibleValue(f"{row.symbol} comes twice")
        try:
            pairs[row.symbol] = _parse_pair(row)
        except ImplausibleValue as why:
            rejected_rows.append(RejectedRow(row.symbol, str(why)))
    if rejected_rows and not pairs:
        raise ImplausibleValue(rejected_rows[0].why)
    _check_totals(account, pairs, rejected_rows)
    rejected = frozenset(row.name for row in rejected_rows)
    return IsolatedSnapshot(as_of=as_of, received_at=received_at, pairs=pairs, rejected=rejected, complete=not rejected)


def _reject_reason(rejected_rows: Sequence[RejectedRow], why: str) -> str:
    """Return why an answer contradicts itself: the fault of the first rejected row, or `why` without one."""
    return rejected_rows[0].why if rejected_rows else why


def _check_rows(account: CrossAccountPayload, previous: ListedAssets, rejected_rows: Sequence[RejectedRow]) -> None:
    listed = {row.asset for row in account.user_assets} | {row.name for row in rejected_rows}
    if lacking := (previous.assets | _ALWAYS_LISTED) - listed:
        raise ImplausibleValue(
            _reject_reason(rejected_rows, f"userAssets lacks the row of {', '.join(sorted(lacking))}")
        )
    if len(listed) < previous.rows * _MIN_ROWS_SHARE:
        raise ImplausibleValue(f"userAssets lacks rows: {len(account.user_assets)} after {previous.rows}")


def _parse_cross_balances(rows: Iterable[CrossAssetRow], rejected_rows: list[RejectedRow]) -> dict[str, Balance]:
    balances: dict[str, Balance] = {}
    for row in rows:
        if (
            row.free in ZERO_TEXTS
            and row.borrowed in ZERO_TEXTS
            and row.interest in ZERO_TEXTS
            and row.locked in ZERO_TEXTS
            and row.net_asset in ZERO_TEXTS
        ):
            continue
        if row.asset in balances:
            raise ImplausibleValue(f"{row.asset} comes twice")
        try:
            balance = _parse_balance(row.asset, row.free, row.locked, row.borrowed, row.interest, row.net_asset)
        except ImplausibleValue as why:
            rejected_rows.append(RejectedRow(row.asset, str(why)))
            continue
        if not balance.is_zero:
            balances[row.asset] = balance
    return balances


def _parse_balance(asset: str, free: str, locked: str, borrowed: str, interest: str, net: str) -> Balance:
    if not asset:
        raise ImplausibleValue("a row has no asset")
    balance = Balance(
        asset=asset,
        free=parse_amount(free, f"{asset}.free"),
        locked=parse_amount(locked, f"{asset}.locked"),
        borrowed=parse_amount(borrowed, f"{asset}.borrowed"),
        interest=parse_amount(interest, f"{asset}.interest"),
    )
    stated = parse_signed(net, f"{asset}.netAsset")
    if abs(stated - balance.net) > _NET_TOLERANCE * max(Decimal(1), balance.held, balance.owed):
        raise ImplausibleValue(f"{asset}.netAsset contradicts its parts")
    return balance


def _parse_cross_level(text: str, assets: Decimal, liabilities: Decimal, *, owing: bool) -> Decimal:
    level = parse_amount(text, "marginLevel")
    if not liabilities:
        if not owing or level >= NO_DEBT_LEVEL:
            return INFINITE
        # The debt is too small for the total's eight decimals; then only equally small assets leave a low level.
        if assets > _DUST_BTC:
            raise ImplausibleValue("marginLevel contradicts the totals")
        return level
    if level >= NO_DEBT_LEVEL:
        if assets < liabilities * NO_DEBT_LEVEL * (1 - _LEVEL_TOLERANCE):
            raise ImplausibleValue("marginLevel contradicts the totals")
        return INFINITE
    if liabilities > _DUST_BTC and abs(level * liabilities - assets) > assets * _LEVEL_TOLERANCE:
        raise ImplausibleValue("marginLevel contradicts the totals")
    return level


def _parse_collateral_level(text: str, *, owing: bool) -> Decimal:
    level = parse_amount(text, "collateralMarginLevel")
    return level if owing and level < NO_DEBT_LEVEL else INFINITE


def _parse_pair(row: IsolatedPairRow) -> IsolatedPair:
    base, quote = _parse_side(row.base_asset), _parse_side(row.quote_asset)
    index = parse_amount(row.index_price or "0", f"{row.symbol}.indexPrice")
    stated_level = parse_amount(row.margin_level, f"{row.symbol}.marginLevel")
    liquidation = parse_amount(row.liquidate_price or "0", f"{row.symbol}.liquidatePrice")
    owed = base.owed * index + quote.owed
    level = stated_level if (base.owed or quote.owed) and stated_level < NO_DEBT_LEVEL else INFINITE
    if base.owed or quote.owed:
        if not index:
            raise ImplausibleValue(f"{row.symbol}.indexPrice is zero while debt is owed")
        if level != INFINITE:
            held = base.held * index + quote.held
            # Index and level may be taken a moment apart, and the level has few digits: the tolerance is wider than for
            # the totals. With dust, the rounding of the eighth decimal counts.
            rounded = (1 + level) * (1 + index) * _MIN_AMOUNT
            if abs(level * owed - held) > max(held, owed) * _PAIR_LEVEL_TOLERANCE + rounded:
                raise ImplausibleValue(f"{row.symbol}.marginLevel contradicts its balances")
    return IsolatedPair(
        symbol=row.symbol,
        base=base,
        quote=quote,
        margin_level=level,
        status=PairStatus.__members__.get(row.margin_level_status or ""),
        index_price=index,
        liquidation_price=liquidation or None,
        created=row.isolated_created,
        enabled=row.enabled,
        trade_enabled=row.trade_enabled,
    )


def _parse_side(row: IsolatedAssetRow) -> Balance:
    return _parse_balance(row.asset, row.free, row.locked, row.borrowed, row.interest, row.net_asset)


def _check_totals(
    account: IsolatedAccountPayload, pairs: Mapping[str, IsolatedPair], rejected_rows: Sequence[RejectedRow]
) -> None:
    liabilities = parse_amount(account.total_liability_of_btc or "0", "totalLiabilityOfBtc")
    if liabilities and not any(pair.base.owed or pair.quote.owed for pair in pairs.values()):
        raise ImplausibleValue(_reject_reason(rejected_rows, "assets lacks the debt that totalLiabilityOfBtc shows"))
    assets = parse_amount(account.total_asset_of_btc or "0", "totalAssetOfBtc")
    if assets and not any(pair.base.held or pair.quote.held for pair in pairs.values()):
        raise ImplausibleValue(_reject_reason(rejected_rows, "assets lacks the holdings that totalAssetOfBtc shows"))
    nets = [side.net_asset_of_btc for row in account.assets for side in (row.base_asset, row.quote_asset)]
    if account.total_net_asset_of_btc is None or rejected_rows:
        return
    total = parse_signed(account.total_net_asset_of_btc, "totalNetAssetOfBtc")
    # Each side is rounded on its own, and in a fall they may be valued a moment apart. The check is for lost rows:
    # pairs that are missing are worse than pairs that are a little off.
    tolerance = _NET_TOLERANCE * (1 + len(nets)) + (assets + liabilities) * _PAIR_LEVEL_TOLERANCE
    parts = sum((parse_signed(net, "netAssetOfBtc") for net in nets if net is not None), ZERO)
    if None not in nets and abs(parts - total) > tolerance:
        raise ImplausibleValue("assets contradicts totalNetAssetOfBtc")
