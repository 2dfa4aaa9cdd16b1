"""API key permissions: those that actions need, those granted, and objections."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import KeyPermissions


class Permission(StrEnum):
    """A permission that monitoring does not need, in the words of the exchange's page of API keys."""

    MARGIN = "margin loan, repay and transfer (enableMargin)"
    TRADING = "spot and margin trading (enableSpotAndMarginTrading)"
    TRANSFER = "universal transfer (permitsUniversalTransfer)"
    INTERNAL_TRANSFER = "internal transfer (enableInternalTransfer)"
    FUTURES = "futures (enableFutures)"
    OPTIONS = "options (enableVanillaOptions)"
    FIX = "orders over FIX (enableFixApiTrade)"
    PORTFOLIO_MARGIN = "portfolio margin (enablePortfolioMarginTrading)"


def needed_permissions(actions: Iterable[ActionSpec]) -> frozenset[Permission]:
    """Permissions without which the exchange would refuse one of the actions; a dry run needs none."""
    found: set[Permission] = set()
    for action in actions:
        if action.mode == "dry-run":
            continue
        match action.kind:
            case "repay":
                found.add(Permission.MARGIN)
            case "transfer_in":
                found.add(Permission.TRANSFER)
                if action.use != "collateral":
                    found.add(Permission.MARGIN)
            case "reduce":
                # A repayment settles the debt that the order's own repayment left.
                found |= {Permission.TRADING, Permission.MARGIN}
            case "cancel_orders":
                found.add(Permission.TRADING)
    return frozenset(found)


def granted_permissions(key: KeyPermissions) -> frozenset[Permission]:
    """Permissions of a key beyond reading. The permission to withdraw is not among them; it is checked separately."""
    has = {
        Permission.MARGIN: key.margin,
        Permission.TRADING: key.trading,
        Permission.TRANSFER: key.universal_transfer,
        Permission.INTERNAL_TRANSFER: key.internal_transfer,
        Permission.FUTURES: key.futures,
        Permission.OPTIONS: key.options,
        Permission.FIX: key.fix_trading,
        Permission.PORTFOLIO_MARGIN: key.portfolio_margin,
    }
    return frozenset(right for right, is_given in has.items() if is_given)


_PERMISSION_BY_KIND: Mapping[str, Permission] = {
    "repay": Permission.MARGIN,
    "borrow": Permission.MARGIN,
    "transfer_in": Permission.TRANSFER,
    "transfer_out": Permission.TRANSFER,
    "transfer": Permission.TRANSFER,
    "order": Permission.TRADING,
    "cancel_orders": Permission.TRADING,
}


def permission_objection(key: KeyPermissions, kind: str) -> str | None:
    """Reason why the exchange would refuse a manual order with this key; None if no reason is known."""
    permission = _PERMISSION_BY_KIND.get(kind)
    return (
        None
        if permission is None or permission in granted_permissions(key)
        else f"the key may not do it; allow {permission} at the exchange"
    )


def key_owner_objection(uid: int | None, action_key_uid: int | None) -> str | None:
    """Reason why the action key may be another account's, by the exchange's numbers of both users; None if none."""
    if uid is None or action_key_uid is None:
        return "whose account the action key belongs to is not known yet; `margin-monitor check` shows it"
    if uid != action_key_uid:
        return "action_api_key belongs to another account of the exchange; give the key of this one"
    return None
