"""Action settings: the keys of [[actions]] for each kind."""

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
"""Keys that apply to each kind; any other key is a configuration error."""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One [[actions]] table, validated by the configuration.

    `max_amount` and `max_per_day` are in units of `asset`, in USDT without `asset`. With neither `target` nor `amount`
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
        """Target level that sizes the amount; None if the amount is given."""
        if self.amount is not None:
            return None
        return self.target if self.target is not None else DEFAULT_TARGET
