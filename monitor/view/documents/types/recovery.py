"""Types of the ways back to safety."""

from typing import NotRequired, TypedDict

from monitor.core.model.order import RecoveryRoute
from monitor.view.documents.types.values import DecimalText, TimeText


class RecoveryOptionDocument(TypedDict):
    """One amount that would make the scope safe again; `repays`: the owed asset where it is another one."""

    route: RecoveryRoute
    asset: str
    amount: DecimalText
    value_usdt: DecimalText
    feasible: bool
    repays: NotRequired[str]


class RecoveryDocument(TypedDict):
    """The options to reach the level `target`, the cheapest first.

    `outside_as_of` is the age of the other wallets' balances.
    """

    target: DecimalText
    outside_as_of: NotRequired[TimeText | None]
    options: list[RecoveryOptionDocument]
