"""The margin accounts: levels without sentinels, and every way in which an answer can contradict itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import Balance, CrossSnapshot, IsolatedPair, IsolatedSnapshot, PairStatus
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.exchange.binance.wire.accounts_text import CrossAccount, CrossRow, IsolatedAccount, PairAsset, PairRow
from monitor.exchange.binance.wire.numbers import ZERO_TEXTS, Implausible, amount, signed
from monitor.exchange.binance.wire.row_decoding import OddRow

NO_DEBT_LEVEL = Decimal(999)
"""The venue's level when nothing is owed; it never tells a real level from here on."""

_LEVEL_TOLERANCE = Decimal("0.01")
_PAIR_LEVEL_TOLERANCE = Decimal("0.05")
_NET_TOLERANCE = Decimal("0.000001")
_ROWS_KEPT = Decimal("0.9")
_ALWAYS_LISTED = frozenset({"BTC"})
"""In some regions there is no USDT: its row is missing, and means that nothing is held or owed."""

_SMALLEST = Decimal("0.00000001")
_DUST_BTC = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a whole answer about the cross account had: how many rows, and which of them were not all zero."""

    rows: int = 0
    assets: frozenset[str] = frozenset()


def cross_snapshot(
    account: CrossAccount,
    *,
    as_of: datetime,
    received_at: datetime,
    last: Listing | None = None,
    odd: list[OddRow] | None = None,
) -> CrossSnapshot:
    """The cross account with its rows that are not all zero.

    The venue lists every asset of the region, zeros included: what `last` had must still have rows, but for a few
    delisted ones. A row that is not believable is left out and added to `odd`, which has those that can't be read.
    Raises Implausible for missing rows, and for rows or levels that contradict the totals.
    """
    odd = odd if odd is not None else []
    balances = _cross_balances(account.user_assets, odd)
    if account.created:
        _check_rows(account, last or Listing(), odd)
    assets = amount(account.total_asset_of_btc, "totalAssetOfBtc")
    liabilities = amount(account.total_liability_of_btc, "totalLiabilityOfBtc")
    net = signed(account.total_net_asset_of_btc, "totalNetAssetOfBtc")
    if abs(assets - liabilities - net) > max(_NET_TOLERANCE, assets * _LEVEL_TOLERANCE):
        raise Implausible("totalNetAssetOfBtc contradicts the other totals")
    owing = any(balance.owed for balance in balances.values())
    if liabilities and not owing:
        raise Implausible(_reason(odd, "userAssets lacks the debt that totalLiabilityOfBtc shows"))
    if assets and not any(balance.held for balance in balances.values()):
        raise Implausible(_reason(odd, "userAssets lacks the holdings that totalAssetOfBtc shows"))
    collateral_level = account.collateral_margin_level
    collateral = account.total_collateral_value_in_usdt
    return CrossSnapshot(
        as_of=as_of,
        received_at=received_at,
        balances=balances,
        margin_level=_cross_level(account.margin_level, assets, liabilities, owing=owing),
        collateral_margin_level=INFINITE
        if collateral_level is None
        else _collateral_level(collateral_level, owing=owing),
        assets_btc=assets,
        liabilities_btc=liabilities,
        collateral_usdt=None if collateral is None else signed(collateral, "TotalCollateralValueInUSDT"),
        account_type=account.account_type,
        borrow_enabled=account.borrow_enabled,
        trade_enabled=account.trade_enabled,
        transfer_in_enabled=account.transfer_in_enabled,
        transfer_out_enabled=account.transfer_out_enabled,
        rejected=frozenset(row.name for row in odd),
    )


def isolated_snapshot(
    account: IsolatedAccount, *, as_of: datetime, received_at: datetime, odd: list[OddRow] | None = None
) -> IsolatedSnapshot:
    """The isolated pairs that were ever created; those whose rows are not believable are named as rejected.

    They are added to `odd`, which has the rows that can't be read. Raises Implausible where no pair is left, and where
    the pairs contradict the totals.
    """
    odd = odd if odd is not None else []
    pairs: dict[str, IsolatedPair] = {}
    for row in account.assets:
        # A pair that was never created comes as a placeholder that looks healthy.
        if not row.isolated_created:
            continue
        if row.symbol in pairs:
            raise Implausible(f"{row.symbol} comes twice")
        try:
            pairs[row.symbol] = _pair(row)
        except Implausible as why:
            odd.append(OddRow(row.symbol, str(why)))
    if odd and not pairs:
        raise Implausible(odd[0].why)
    _check_totals(account, pairs, odd)
    rejected = frozenset(row.name for row in odd)
    return IsolatedSnapshot(as_of=as_of, received_at=received_at, pairs=pairs, rejected=rejected, complete=not rejected)


def _reason(odd: Sequence[OddRow], why: str) -> str:
    """Why an answer contradicts itself: by what was left out of it, where something was."""
    return odd[0].why if odd else why


def _check_rows(account: CrossAccount, last: Listing, odd: Sequence[OddRow]) -> None:
    listed = {row.asset for row in account.user_assets} | {row.name for row in odd}
    if lacking := (last.assets | _ALWAYS_LISTED) - listed:
        raise Implausible(_reason(odd, f"userAssets lacks the row of {', '.join(sorted(lacking))}"))
    if len(listed) < last.rows * _ROWS_KEPT:
        raise Implausible(f"userAssets lacks rows: {len(account.user_assets)} after {last.rows}")


def _cross_balances(rows: Iterable[CrossRow], odd: list[OddRow]) -> dict[str, Balance]:
    balances: dict[str, Balance] = {}
    for row in rows:
        if (
            row.free in ZERO_TEXTS
            and row.borrowed in ZERO_TEXTS
            and row.interest in ZERO_TEXTS
            and row.locked in ZERO_TEXTS
            and row.netAsset in ZERO_TEXTS
        ):
            continue
        if row.asset in balances:
            raise Implausible(f"{row.asset} comes twice")
        try:
            balance = _balance(row.asset, row.free, row.locked, row.borrowed, row.interest, row.netAsset)
        except Implausible as why:
            odd.append(OddRow(row.asset, str(why)))
            continue
        if not balance.is_zero:
            balances[row.asset] = balance
    return balances


def _balance(asset: str, free: str, locked: str, borrowed: str, interest: str, net: str) -> Balance:
    if not asset:
        raise Implausible("a row has no asset")
    balance = Balance(
        asset=asset,
        free=amount(free, f"{asset}.free"),
        locked=amount(locked, f"{asset}.locked"),
        borrowed=amount(borrowed, f"{asset}.borrowed"),
        interest=amount(interest, f"{asset}.interest"),
    )
    told = signed(net, f"{asset}.netAsset")
    if abs(told - balance.net) > _NET_TOLERANCE * max(Decimal(1), balance.held, balance.owed):
        raise Implausible(f"{asset}.netAsset contradicts its parts")
    return balance


def _cross_level(text: str, assets: Decimal, liabilities: Decimal, *, owing: bool) -> Decimal:
    level = amount(text, "marginLevel")
    if not liabilities:
        if not owing or level >= NO_DEBT_LEVEL:
            return INFINITE
        # The debt is too small for the total's eight decimals; then only equally small assets leave a low level.
        if assets > _DUST_BTC:
            raise Implausible("marginLevel contradicts the totals")
        return level
    if level >= NO_DEBT_LEVEL:
        if assets < liabilities * NO_DEBT_LEVEL * (1 - _LEVEL_TOLERANCE):
            raise Implausible("marginLevel contradicts the totals")
        return INFINITE
    if liabilities > _DUST_BTC and abs(level * liabilities - assets) > assets * _LEVEL_TOLERANCE:
        raise Implausible("marginLevel contradicts the totals")
    return level


def _collateral_level(text: str, *, owing: bool) -> Decimal:
    level = amount(text, "collateralMarginLevel")
    return level if owing and level < NO_DEBT_LEVEL else INFINITE


def _pair(row: PairRow) -> IsolatedPair:
    base, quote = _side(row.base_asset), _side(row.quote_asset)
    index = amount(row.index_price or "0", f"{row.symbol}.indexPrice")
    told = amount(row.margin_level, f"{row.symbol}.marginLevel")
    liquidation = amount(row.liquidate_price or "0", f"{row.symbol}.liquidatePrice")
    owed = base.owed * index + quote.owed
    level = told if (base.owed or quote.owed) and told < NO_DEBT_LEVEL else INFINITE
    if base.owed or quote.owed:
        if not index:
            raise Implausible(f"{row.symbol}.indexPrice is zero while debt is owed")
        if level != INFINITE:
            held = base.held * index + quote.held
            # Index and level may be taken a moment apart, and the level has few digits: wider than the totals. Of dust
            # the eighth decimal is rounded.
            rounded = (1 + level) * (1 + index) * _SMALLEST
            if abs(level * owed - held) > max(held, owed) * _PAIR_LEVEL_TOLERANCE + rounded:
                raise Implausible(f"{row.symbol}.marginLevel contradicts its balances")
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


def _side(row: PairAsset) -> Balance:
    return _balance(row.asset, row.free, row.locked, row.borrowed, row.interest, row.net_asset)


def _check_totals(account: IsolatedAccount, pairs: Mapping[str, IsolatedPair], odd: Sequence[OddRow]) -> None:
    liabilities = amount(account.total_liability_of_btc or "0", "totalLiabilityOfBtc")
    if liabilities and not any(pair.base.owed or pair.quote.owed for pair in pairs.values()):
        raise Implausible(_reason(odd, "assets lacks the debt that totalLiabilityOfBtc shows"))
    assets = amount(account.total_asset_of_btc or "0", "totalAssetOfBtc")
    if assets and not any(pair.base.held or pair.quote.held for pair in pairs.values()):
        raise Implausible(_reason(odd, "assets lacks the holdings that totalAssetOfBtc shows"))
    nets = [side.net_asset_of_btc for row in account.assets for side in (row.base_asset, row.quote_asset)]
    if account.total_net_asset_of_btc is None or odd:
        return
    total = signed(account.total_net_asset_of_btc, "totalNetAssetOfBtc")
    # Each side is rounded on its own, and in a fall they may be valued a moment apart. Looked for are lost rows: pairs
    # that can't be seen at all are worse than pairs that are a little off.
    tolerance = _NET_TOLERANCE * (1 + len(nets)) + (assets + liabilities) * _PAIR_LEVEL_TOLERANCE
    parts = sum((signed(net, "netAssetOfBtc") for net in nets if net is not None), ZERO)
    if None not in nets and abs(parts - total) > tolerance:
        raise Implausible("assets contradicts totalNetAssetOfBtc")
