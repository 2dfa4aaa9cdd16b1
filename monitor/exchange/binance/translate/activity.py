"""An account's surroundings: ledger, transfers, schedules, collateral, from typed answers to core."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from monitor.core.margin.levels import CollateralTier
from monitor.core.model.account import Scope
from monitor.core.model.intent import Record
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.lending_terms import Delisting, Restricted
from monitor.core.model.symbols import Resting
from monitor.exchange.binance.translate.histories import status_of
from monitor.exchange.binance.wire.loans import CapitalFlow, LiquidationLoan, Loan
from monitor.exchange.binance.wire.loans import MarginTransfer as TransferAnswer
from monitor.exchange.binance.wire.market_data import (
    AssetTags,
    CollateralRatio,
    DelistSchedule,
    MarginAsset,
    RestrictedAssets,
)
from monitor.exchange.binance.wire.orders import Order

NOTHING = Decimal(0)


def exact(value: Decimal) -> Decimal:
    """The same number as a plain Decimal: the typed ones of the wire stay at the edge."""
    return Decimal(value)


def moment(at: datetime) -> datetime:
    """The same moment as a plain datetime."""
    return datetime.combine(at.date(), at.time(), at.tzinfo)


def ledger_row(row: CapitalFlow, scope: Scope) -> LedgerRow:
    """One row of the margin ledger. The sign of its amount is not documented, and the direction is in its type."""
    return LedgerRow(
        scope=scope,
        id=row.id,
        tran_id=row.tran_id,
        at=moment(row.timestamp),
        asset=row.asset,
        kind=row.type,
        amount=abs(exact(row.amount)),
        note=row.note or "",
    )


def repayment(row: Loan) -> Record:
    """One repayment, made by hand or not."""
    return Record(
        ref=str(row.tx_id),
        asset=row.asset,
        amount=exact(row.amount),
        status=status_of(row.status),
        at=moment(row.timestamp),
        automatic=row.type != "MANUAL",
    )


def transfer(row: TransferAnswer, scope: Scope) -> MarginTransfer:
    """One transfer as the margin scope saw it."""
    is_incoming = row.type == "ROLL_IN"
    return MarginTransfer(
        scope=scope,
        tx_id=row.tx_id,
        at=moment(row.timestamp),
        asset=row.asset,
        amount=exact(row.amount),
        is_incoming=is_incoming,
        other=(row.trans_from if is_incoming else row.trans_to) or "",
        status=row.status,
    )


def resting(order: Order) -> Resting:
    """An open order, as far as it locks something."""
    return Resting(order.order_id, order.symbol, "SELL" if order.side == "SELL" else "BUY")


def remaining(loan: LiquidationLoan) -> Decimal:
    """What is still owed of the loan."""
    return exact(loan.remaining_amount or NOTHING)


def delisting(row: DelistSchedule) -> Delisting:
    """What leaves margin trading at one moment."""
    return Delisting(
        moment(row.delist_time), frozenset(row.cross_margin_assets), frozenset(row.isolated_margin_symbols)
    )


def restricted(answer: RestrictedAssets) -> Restricted:
    """What is not to be bought on credit, or not taken as collateral."""
    return Restricted(frozenset(answer.open_long_restricted_asset), frozenset(answer.max_collateral_exceeded_asset))


def tags(rows: Iterable[AssetTags]) -> Mapping[str, frozenset[str]]:
    """By asset its tags; one that comes twice has those of both rows."""
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        found[row.asset_code] = found.get(row.asset_code, frozenset()) | frozenset(row.tags)
    return found


def collateral(groups: Iterable[CollateralRatio]) -> Mapping[str, tuple[CollateralTier, ...]]:
    """By asset its tiers, from nothing up. The venue lists groups of assets that share theirs."""
    found: dict[str, tuple[CollateralTier, ...]] = {}
    for group in groups:
        tiers = tuple(
            CollateralTier(
                exact(tier.min_usd_value),
                None if tier.max_usd_value is None else exact(tier.max_usd_value),
                exact(tier.discount_rate),
            )
            for tier in sorted(group.collaterals, key=lambda tier: tier.min_usd_value)
        )
        found.update(dict.fromkeys(group.asset_names, tiers))
    return found


def min_repay(assets: Iterable[MarginAsset]) -> Mapping[str, Decimal]:
    """By asset the least that may be repaid of a debt; assets without one are missing."""
    return {asset.asset_name: exact(asset.user_min_repay) for asset in assets if asset.user_min_repay}
