"""The state of the sandbox as JSON: wallets, debts, levels, prices.

Amounts and prices are texts; levels and values are given unrounded (`level_exact`) and to eight places.
"""

from decimal import Decimal

from monitor.sandbox.amounts import format_decimal, round_half_up
from monitor.sandbox.ledger.accounts import LiquidationSummary, SimAccount, SimMarginAccount
from monitor.sandbox.ledger.ledger import SimBalance, SimWallet
from monitor.sandbox.ledger.margin_levels import SimLiquidationSide
from monitor.sandbox.ledger.valuation import MarginValuation
from monitor.sandbox.venue import SimMovement, Venue


def dump_state(venue: Venue) -> dict[str, object]:
    """The state of every account as one document."""
    return {
        "now": venue.now_ms(),
        "timeline": venue.timeline.settings.as_json(),
        "prices": _prices(venue),
        "accounts": {account.name: _account(venue, account) for account in venue.accounts.values()},
        "movements": [_movement(movement) for movement in venue.movements],
        "imbalance": {asset: format_decimal(amount) for asset, amount in venue.ledger.imbalance().items()},
    }


def _prices(venue: Venue) -> dict[str, object]:
    shown = {}
    for symbol in venue.listings.pairs:
        spot, index = venue.prices.spot(symbol), venue.prices.index(symbol)
        if spot is not None and index is not None and not symbol.startswith("TKN"):
            shown[symbol] = {"spot": format_decimal(spot), "index": format_decimal(index)}
    return dict(shown)


def _account(venue: Venue, account: SimAccount) -> dict[str, object]:
    return {
        "spot": _wallet(account.spot),
        "funding": _wallet(account.funding),
        "cross": _margin(venue, account, account.cross) if account.cross.created else None,
        "isolated": {
            symbol: _margin(venue, account, margin) for symbol, margin in account.isolated.items() if margin.created
        },
        "interest_charges": len(account.interest),
        "open_orders": sum(order.is_open for order in account.orders.values()),
        "liquidation_loan_usdc": format_decimal(account.liquidation_loan.amount - account.liquidation_loan.repaid),
        "liquidations": [_liquidation_summary(story) for story in account.liquidation_summaries],
    }


def _wallet(wallet: SimWallet) -> dict[str, object]:
    return {
        asset: {"free": format_decimal(balance.free), "locked": format_decimal(balance.locked)}
        for asset, balance in wallet.balances.items()
        if balance.held
    }


def _margin(venue: Venue, account: SimAccount, margin: SimMarginAccount) -> dict[str, object]:
    standing = venue.valuer.value_account(account, margin)
    answer: dict[str, object] = {
        "level": _level(standing.level),
        "level_exact": None if standing.level is None else str(standing.level),
        "collateral_level": _level(standing.collateral_level),
        "initial_level": str(standing.thresholds.initial),
        "margin_call_level": str(standing.thresholds.margin_call),
        "liquidation_level": str(standing.thresholds.liquidation),
        "assets_usdt": format_decimal(round_half_up(standing.assets)),
        "liabilities_usdt": format_decimal(round_half_up(standing.liabilities)),
        "equity_usdt": format_decimal(round_half_up(standing.equity)),
        "interest_usdt": format_decimal(round_half_up(standing.interest)),
        "collateral_usdt": format_decimal(round_half_up(standing.collateral)),
        "lowest_level": _level(margin.lowest_level),
        "lowest_at": margin.lowest_at_ms or None,
        "balances": {
            asset: _balance(venue, account, margin, asset, balance)
            for asset, balance in margin.wallet.balances.items()
            if balance.held or balance.owed
        },
    }
    if margin.symbol is not None:
        answer |= _pair(standing, margin)
    return answer


def _pair(standing: MarginValuation, margin: SimMarginAccount) -> dict[str, object]:
    return {
        "enabled": margin.enabled,
        "status": standing.status,
        "index_price": None if standing.index_price is None else format_decimal(standing.index_price),
        **_liquidation_price(standing.liquidation),
    }


def _balance(
    venue: Venue, account: SimAccount, margin: SimMarginAccount, asset: str, balance: SimBalance
) -> dict[str, object]:
    price = venue.prices.usdt_price(asset)
    row: dict[str, object] = {
        "free": format_decimal(balance.free),
        "locked": format_decimal(balance.locked),
        "borrowed": format_decimal(balance.borrowed),
        "interest": format_decimal(balance.interest),
        "net": format_decimal(balance.net),
        "price_usdt": format_decimal(price),
        "value_usdt": format_decimal(round_half_up(balance.net * price)),
    }
    if margin.symbol is None:
        row |= _liquidation_price(venue.valuer.cross_liquidation_price(account, asset))
    return row


def _liquidation_price(price_and_side: tuple[Decimal, SimLiquidationSide] | None) -> dict[str, object]:
    if price_and_side is None:
        return {"liquidation_price": None, "danger": None}
    return {"liquidation_price": format_decimal(round_half_up(price_and_side[0])), "danger": price_and_side[1]}


def _level(level: Decimal | None) -> str | None:
    return None if level is None else format_decimal(round_half_up(level))


def _liquidation_summary(summary: LiquidationSummary) -> dict[str, object]:
    return {
        "at": summary.at_ms,
        "scope": summary.scope,
        "level_before": format_decimal(round_half_up(summary.level_before)),
        "level_after": _level(summary.level_after),
        "fee_usdt": format_decimal(summary.fee_usdt),
        "forgiven_usdt": format_decimal(round_half_up(summary.forgiven_usdt)),
        "sold": dict(summary.sold),
    }


def _movement(movement: SimMovement) -> dict[str, object]:
    return {
        "at": movement.at_ms,
        "account": movement.account,
        "kind": movement.kind,
        "asset": movement.asset,
        "amount": format_decimal(movement.amount),
        "source": movement.source,
        "target": movement.target,
        "tran_id": movement.tran_id,
        "by": movement.by,
    }
