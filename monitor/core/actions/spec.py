"""What the configuration allows an action to do: the keys of [[actions]]."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from monitor.core.actions.target import DEFAULT_TARGET, LevelTarget
from monitor.core.model.order import ActionKind, WalletName
from monitor.core.numbers.amounts import ZERO

ActionMode = Literal["dry-run", "approve", "live"]
TransferUse = Literal["auto", "repay", "collateral"]
OnNoAnswer = Literal["skip", "act"]

_COMMON_KEYS = frozenset(
    {
        "name",
        "kind",
        "mode",
        "max_actions_per_day",
        "max_data_age",
        "cooldown",
        "approve_within",
        "on_no_answer",
    }
)
_SIZED_KEYS = _COMMON_KEYS | {"asset", "target", "amount", "max_amount", "max_amount_usdt", "max_per_day"}

KEYS_BY_KIND: Mapping[ActionKind, frozenset[str]] = MappingProxyType(
    {
        "repay": _SIZED_KEYS,
        "transfer_in": _SIZED_KEYS | {"source", "keep_in_source", "use"},
        "reduce": _SIZED_KEYS | {"max_slippage", "sell"},
        "cancel_orders": _COMMON_KEYS | {"asset"},
    }
)
"""The keys that mean something for each kind; any other is a mistake of the configuration."""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One [[actions]] table, which the configuration has checked.

    `max_amount` and `max_per_day` count in `asset`, in USDT when none is named. With neither `target` nor `amount`
    the target is `DEFAULT_TARGET`.
    """

    name: str
    kind: ActionKind
    mode: ActionMode = "dry-run"
    asset: str | None = None
    target: LevelTarget | None = None
    amount: Decimal | None = None
    max_amount: Decimal | None = None
    max_amount_usdt: Decimal | None = None
    max_per_day: Decimal | None = None
    max_actions_per_day: int = 10
    source: tuple[WalletName, ...] = ("spot", "funding")
    keep_in_source: Decimal = ZERO
    use: TransferUse = "auto"
    max_slippage: Decimal = Decimal("0.01")
    sell: tuple[str, ...] = ()
    max_data_age: timedelta = timedelta(seconds=20)
    cooldown: timedelta = timedelta(minutes=1)
    approve_within: timedelta = timedelta(minutes=10)
    on_no_answer: OnNoAnswer = "skip"

    @property
    def sizing_target(self) -> LevelTarget | None:
        """The level that sizes the amount; None when the amount is given."""
        if self.amount is not None:
            return None
        return self.target if self.target is not None else DEFAULT_TARGET
