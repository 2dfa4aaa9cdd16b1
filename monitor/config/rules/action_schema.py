"""The keys of actions, and of the limits that apply to all of them."""
# ruff: noqa: RUF009 – key() and optional() only describe a field, as dataclasses.field() does

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from monitor.config import value_types
from monitor.config.config_key import key, optional


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionConfig:
    """An action that may be taken when a rule that names it fires. Nothing moves money unless `mode` says so."""

    name: str = key(value_types.name(), "name of the action in rules")
    kind: str = key(value_types.choice("repay", "transfer_in", "reduce", "cancel_orders"), "what the action does")
    mode: str = key(
        value_types.choice("dry-run", "approve", "live"),
        "orders are only recorded, sent after approval by a person, or sent",
        "dry-run",
    )
    asset: str | None = optional(value_types.asset(), "the asset moved", "chosen from the liabilities")
    target: str | None = optional(
        value_types.text(),
        'level that the amount is computed for, such as "margin_level >= 1.5"',
        "initial_level * 1.05, unless amount is given",
    )
    amount: Decimal | None = optional(value_types.amount(), "a fixed amount in `asset`", "target is given")
    max_amount: Decimal | None = optional(
        value_types.amount(),
        "maximum amount of an order, in `asset` (USDT when none is named); required when no approval is needed",
        "no limit",
    )
    max_amount_usdt: Decimal | None = optional(value_types.amount(), "maximum amount of an order, in USDT", "no limit")
    max_per_day: Decimal | None = optional(
        value_types.amount(),
        "maximum of this kind in the last 24 h, in the unit of max_amount; required like max_amount",
        "no limit",
    )
    max_actions_per_day: int = key(
        value_types.integer(1), "maximum number of actions of this kind in the last 24 h", 10
    )
    source: tuple[str, ...] = key(
        value_types.list_of(value_types.choice("spot", "funding"), may_be_empty=False),
        "transfer_in: source wallets, in this order",
        ["spot", "funding"],
    )
    keep_in_source: Decimal = key(
        value_types.amount(positive=False), "transfer_in: minimum that stays in the wallet, in `asset`", "0"
    )
    use: str = key(
        value_types.choice("auto", "repay", "collateral"),
        "transfer_in: use of the amount once it has arrived",
        "auto",
    )
    max_slippage: Decimal = key(
        value_types.fraction(may_be_whole=False), "reduce: maximum distance of an order from the last price", "1%"
    )
    sell: tuple[str, ...] = key(
        value_types.list_of(value_types.asset()),
        "reduce: assets to sell; empty: the largest free collateral with a pair to the debt",
        [],
    )
    max_data_age: timedelta = key(
        value_types.duration("1s"), "maximum age of the figures that an order is based on", "20s"
    )
    cooldown: timedelta = key(
        value_types.duration(), "pause after money moved or may have; waived when the alert crossed a worse rung", "1m"
    )
    approve_within: timedelta = key(
        value_types.duration("1s"), "approve: time for an answer, from the first message", "10m"
    )
    on_no_answer: str = key(
        value_types.choice("skip", "act"), "approve: what happens without an answer; act sends the order", "skip"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyConfig:
    """Limits that apply to all actions."""

    pause_file: str = key(
        value_types.text(may_be_empty=True), 'a file whose existence pauses all actions; "" is none', ""
    )
    settle: timedelta = key(
        value_types.duration("5s"),
        "unknown outcome: how long an order must be absent, over at least five checks, before it may count as not done",
        "60s",
    )
    unresolved_after: timedelta = key(
        value_types.duration("1s"), "unknown outcome: time after which a person is asked", "10m"
    )
    on_foreign_hand: str = key(
        value_types.choice("tell", "pause"),
        "somebody else does what live actions do: only `foreign-hand` fires, or all actions are paused as well",
        "tell",
    )
