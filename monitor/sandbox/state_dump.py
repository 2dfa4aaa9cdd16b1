"""The ledger as JSON: every wallet, debt, level and price that the sandbox itself holds to be true.

Amounts and prices are texts; levels and values stand unrounded (`level_exact`) and to eight places.
"""

from decimal import Decimal

from monitor.sandbox.amounts import nearest, text
from monitor.sandbox.ledger.accounts import Account, LiquidationStory, Margin
from monitor.sandbox.ledger.ledger import Balance, Wallet
from monitor.sandbox.ledger.margin_levels import Danger
from monitor.sandbox.ledger.valuation import Standing
from monitor.sandbox.venue import Movement, Venue


def statement(venue: Venue) -> dict[str, object]:
    """Everything, by account."""
    return {
        "now": venue.now_ms(),
        "timeline": venue.timeline.settings.as_json(),
        "prices": _prices(venue),
        "accounts": {account.name: _account(venue, account) for account in venue.accounts.values()},
        "movements": [_movement(movement) for movement in venue.movements],
        "imbalance": {asset: text(amount) for asset, amount in venue.books.imbalance().items()},
    }


def _prices(venue: Venue) -> dict[str, object]:
    shown = {}
    for symbol in venue.catalogue.pairs:
        spot, index = venue.prices.spot(symbol), venue.prices.index(symbol)
        if spot is not None and index is not None and not symbol.startswith("TKN"):
            shown[symbol] = {"spot": text(spot), "index": text(index)}
    return dict(shown)


def _account(venue: Venue, account: Account) -> dict[str, object]:
    return {
        "spot": _wallet(account.spot),
        "funding": _wallet(account.funding),
        "cross": _margin(venue, account, account.cross) if account.cross.created else None,
        "isolated": {
            symbol: _margin(venue, account, margin) for symbol, margin in account.isolated.items() if margin.created
        },
        "interest_charges": len(account.interest),
        "open_orders": sum(order.is_open for order in account.orders.values()),
        "liquidation_loan_usdc": text(account.loan.amount - account.loan.repaid),
        "liquidations": [_story(story) for story in account.stories],
    }


def _wallet(wallet: Wallet) -> dict[str, object]:
    return {
        asset: {"free": text(balance.free), "locked": text(balance.locked)}
        for asset, balance in wallet.balances.items()
        if balance.held
    }


def _margin(venue: Venue, account: Account, margin: Margin) -> dict[str, object]:
    standing = venue.valuer.standing(account, margin)
    answer: dict[str, object] = {
        "level": _level(standing.level),
        "level_exact": None if standing.level is None else str(standing.level),
        "collateral_level": _level(standing.collateral_level),
        "initial_level": str(standing.bars.initial),
        "margin_call_level": str(standing.bars.margin_call),
        "liquidation_level": str(standing.bars.liquidation),
        "assets_usdt": text(nearest(standing.assets)),
        "liabilities_usdt": text(nearest(standing.liabilities)),
        "equity_usdt": text(nearest(standing.equity)),
        "interest_usdt": text(nearest(standing.interest)),
        "collateral_usdt": text(nearest(standing.collateral)),
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


def _pair(standing: Standing, margin: Margin) -> dict[str, object]:
    return {
        "enabled": margin.enabled,
        "status": standing.status,
        "index_price": None if standing.index_price is None else text(standing.index_price),
        **_liquidation(standing.liquidation),
    }


def _balance(venue: Venue, account: Account, margin: Margin, asset: str, balance: Balance) -> dict[str, object]:
    price = venue.prices.usdt(asset)
    row: dict[str, object] = {
        "free": text(balance.free),
        "locked": text(balance.locked),
        "borrowed": text(balance.borrowed),
        "interest": text(balance.interest),
        "net": text(balance.net),
        "price_usdt": text(price),
        "value_usdt": text(nearest(balance.net * price)),
    }
    if margin.symbol is None:
        row |= _liquidation(venue.valuer.cross_liquidation_price(account, asset))
    return row


def _liquidation(found: tuple[Decimal, Danger] | None) -> dict[str, object]:
    if found is None:
        return {"liquidation_price": None, "danger": None}
    return {"liquidation_price": text(nearest(found[0])), "danger": found[1]}


def _level(level: Decimal | None) -> str | None:
    return None if level is None else text(nearest(level))


def _story(story: LiquidationStory) -> dict[str, object]:
    return {
        "at": story.at_ms,
        "scope": story.scope,
        "level_before": text(nearest(story.level_before)),
        "level_after": _level(story.level_after),
        "fee_usdt": text(story.fee_usdt),
        "forgiven_usdt": text(nearest(story.forgiven_usdt)),
        "sold": dict(story.sold),
    }


def _movement(movement: Movement) -> dict[str, object]:
    return {
        "at": movement.at_ms,
        "account": movement.account,
        "kind": movement.kind,
        "asset": movement.asset,
        "amount": text(movement.amount),
        "source": movement.source,
        "target": movement.target,
        "tran_id": movement.tran_id,
        "by": movement.by,
    }
