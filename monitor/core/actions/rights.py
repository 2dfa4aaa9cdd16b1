"""What a key must be allowed to do for the actions that are configured, and what it need not."""

from collections.abc import Iterable
from enum import StrEnum

from monitor.core.account import KeyPermissions
from monitor.core.actions.spec import ActionSpec


class Right(StrEnum):
    """A right that watching does not need, in the words of the exchange's own page of keys."""

    MARGIN = "margin loan, repay and transfer (enableMargin)"
    TRADING = "spot and margin trading (enableSpotAndMarginTrading)"
    TRANSFER = "universal transfer (permitsUniversalTransfer)"
    INTERNAL_TRANSFER = "internal transfer (enableInternalTransfer)"
    FUTURES = "futures (enableFutures)"
    OPTIONS = "options (enableVanillaOptions)"
    FIX = "orders over FIX (enableFixApiTrade)"
    PORTFOLIO_MARGIN = "portfolio margin (enablePortfolioMarginTrading)"


def needed(actions: Iterable[ActionSpec]) -> frozenset[Right]:
    """The rights without which the exchange would refuse one of the actions; a dry run needs none."""
    found: set[Right] = set()
    for action in actions:
        if action.mode == "dry-run":
            continue
        match action.kind:
            case "repay":
                found.add(Right.MARGIN)
            case "transfer_in":
                found.add(Right.TRANSFER)
                if action.use != "collateral":
                    found.add(Right.MARGIN)
            case "reduce":
                # The debt is finished by a repayment where the order's own left something.
                found |= {Right.TRADING, Right.MARGIN}
            case "cancel_orders":
                found.add(Right.TRADING)
    return frozenset(found)


def given(key: KeyPermissions) -> frozenset[Right]:
    """The rights that a key has beyond reading; that of withdrawing is told apart."""
    has = {
        Right.MARGIN: key.margin,
        Right.TRADING: key.trading,
        Right.TRANSFER: key.universal_transfer,
        Right.INTERNAL_TRANSFER: key.internal_transfer,
        Right.FUTURES: key.futures,
        Right.OPTIONS: key.options,
        Right.FIX: key.fix_trading,
        Right.PORTFOLIO_MARGIN: key.portfolio_margin,
    }
    return frozenset(right for right, is_given in has.items() if is_given)
