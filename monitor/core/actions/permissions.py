"""What a key must be allowed to do for the actions that are configured, and what it need not."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import KeyPermissions


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


_BY_KIND: Mapping[str, Right] = {
    "repay": Right.MARGIN,
    "borrow": Right.MARGIN,
    "transfer_in": Right.TRANSFER,
    "transfer_out": Right.TRANSFER,
    "transfer": Right.TRANSFER,
    "order": Right.TRADING,
    "cancel_orders": Right.TRADING,
}


def forbidden(key: KeyPermissions, kind: str) -> str | None:
    """Why the exchange would refuse what a person orders with the key; None where nothing is known against it."""
    right = _BY_KIND.get(kind)
    return None if right is None or right in given(key) else f"the key may not do it; allow {right} at the exchange"


def stranger(uid: int | None, acting_uid: int | None) -> str | None:
    """Why it is not certain that the second key belongs to the account, by the exchange's numbers of both users."""
    if uid is None or acting_uid is None:
        return "whose account the action key belongs to is not known yet; `margin-monitor check` shows it"
    if uid != acting_uid:
        return "action_api_key belongs to another account of the exchange; give the key of this one"
    return None
