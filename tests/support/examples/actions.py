"""An account for decisions: the worked example of the risk formulas, and variations of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.config.rules.rule_files import parse_rules
from monitor.core.actions.scope_position import AssetPosition, ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import parse_sizing_target
from monitor.core.model.account import CROSS, Balance, CrossSnapshot, KeyPermissions, Price, Thresholds, WalletBalances
from monitor.core.model.alert import Alert, AlertKey, AlertState, Severity
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import ManualCall, Order, Repay, Transfer
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.rules.rule import Rule
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, KeyState, ThresholdState
from monitor.core.state.price_state import PriceState, SnapshotPrices

NOW = datetime(2025, 10, 10, 21, 15, 30, tzinfo=UTC)
SAFETY = SafetySettings()
SETTINGS = AccountSettings(account="main", isolated=())
KEY = KeyPermissions(
    reading=True, margin=True, trading=True, universal_transfer=True, withdrawals=False, ip_restricted=True
)
PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(3000), "USDT": Decimal(1)}

D = Decimal


def matches(found: Order | ManualCall, expected: Order | ManualCall) -> bool:
    """Return whether it is the expected order, with the small surplus that a rounded level requires."""
    if not isinstance(found, Repay | Transfer):
        return False
    return replace(found, amount=expected.amount) == expected and is_about(found.amount, expected.amount)


def is_about(amount: Decimal, expected: Decimal | int) -> bool:
    """Return whether the amount is the expected one or has that small surplus."""
    return 0 <= amount - expected < D("0.001")


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def balance(asset: str, free: str = "0", borrowed: str = "0", interest: str = "0", locked: str = "0") -> Balance:
    return Balance(asset, D(free), D(locked), D(borrowed), D(interest))


EXAMPLE = (balance("BTC", "1.5"), balance("USDT", "20000", borrowed="30000"), balance("ETH", borrowed="10"))
"""1.5 BTC at 60,000 and 20,000 USDT held; 10 ETH at 3,000 and 30,000 USDT owed: 110,000 to 60,000, level 1.8333."""


def scope_position(
    *balances: Balance,
    spot: Mapping[str, str] | None = None,
    funding: Mapping[str, str] | None = None,
    prices: Mapping[str, Decimal] = PRICES,
    rates: Mapping[str, str] | None = None,
    least: Mapping[str, str] | None = None,
) -> ScopePosition:
    """A cross position with these balances; the worked example when none are given."""
    rows = {
        b.asset: AssetPosition(
            b, prices[b.asset], D((rates or {}).get(b.asset, "0")), D((least or {}).get(b.asset, "0"))
        )
        for b in (balances or EXAMPLE)
    }
    return ScopePosition(
        account="main",
        scope=CROSS,
        as_of=NOW,
        assets=sum((r.balance.held * r.price for r in rows.values()), D(0)),
        liabilities=sum((r.balance.owed * r.price for r in rows.values()), D(0)),
        by_asset=rows,
        external_prices={a: p for a, p in prices.items() if a not in rows},
        external={
            "spot": {a: D(v) for a, v in (spot or {}).items()},
            "funding": {a: D(v) for a, v in (funding or {}).items()},
            "cross": {a: r.balance.free for a, r in rows.items()},
        },
        key_accepted=True,
        key=KEY,
    )


def repay_spec(**changes: object) -> ActionSpec:
    """A live repay to level 2 with high limits."""
    spec = ActionSpec(
        name="repay",
        kind="repay",
        mode="live",
        target=parse_sizing_target("margin_level >= 2"),
        max_amount=D(1_000_000),
        max_per_day=D(3_000_000),
    )
    return replace(spec, **changes)  # type: ignore[arg-type]  # the fields of the dataclass, by name


def transfer_spec(**changes: object) -> ActionSpec:
    """A live transfer_in to level 2 with high limits."""
    return repay_spec(**{"name": "top-up", "kind": "transfer_in", **changes})


def reduce_spec(**changes: object) -> ActionSpec:
    """A live reduce to level 2 with high limits."""
    return repay_spec(**{"name": "sell", "kind": "reduce", **changes})


def cancel_spec(**changes: object) -> ActionSpec:
    """A live cancel_orders."""
    return replace(ActionSpec(name="cancel", kind="cancel_orders", mode="live"), **changes)  # type: ignore[arg-type]  # the fields of the dataclass, by name


def rule(
    *actions: str, severity: Severity = "critical", name: str = "near-call", when: str = "margin_level < 1.9"
) -> Rule:
    """A cross rule with these actions."""
    table = {"name": name, "scope": "cross", "when": when, "severity": severity, "actions": list(actions)}
    return parse_rules([table], "test")[0]


def alert(number: int = 1, *, rule: str = "near-call", severity: Severity = "critical", **changes: object) -> Alert:
    """A firing cross alert."""
    fired = Alert(
        id=number,
        key=AlertKey(rule, "main", "cross"),
        state=AlertState.FIRING,
        severity=severity,
        since=NOW - seconds(60),
        when="margin_level < 1.9",
        clear="",
        summary="",
        fired_at=NOW - seconds(60),
    )
    return replace(fired, **changes)  # type: ignore[arg-type]  # the fields of the dataclass, by name


def account_state(
    *balances: Balance,
    now: datetime = NOW,
    alerts: tuple[Alert, ...] = (),
    intents: tuple[Intent, ...] = (),
    spot: Mapping[str, str] | None = None,
) -> AccountState:
    """The state of an account whose snapshot and prices are of `now`."""
    rows = balances or EXAMPLE
    held = sum((b.held * PRICES[b.asset] for b in rows), D(0))
    owed = sum((b.owed * PRICES[b.asset] for b in rows), D(0))
    prices = {f"{asset}USDT": Price(price, now) for asset, price in PRICES.items() if asset != "USDT"}
    return AccountState(
        account="main",
        started_at=now - seconds(600),
        cross=CrossSnapshot(
            as_of=now,
            received_at=now,
            balances={b.asset: b for b in rows},
            margin_level=held / owed if owed else D("Infinity"),
            collateral_margin_level=held / owed if owed else D("Infinity"),
            assets_btc=held / PRICES["BTC"],
            liabilities_btc=owed / PRICES["BTC"],
        ),
        thresholds=ThresholdState(cross=Thresholds(D("1.5"), D("1.3"), D("1.1"))),
        prices=PriceState(newest=prices, at_cross=SnapshotPrices(prices=prices)),
        wallets={
            "spot": WalletBalances(now, {a: D(v) for a, v in (spot or {}).items()}),
            "funding": WalletBalances(now, {}),
        },
        keys=KeyState(is_accepted=True, permissions=KEY),
        alerts={a.key: a for a in alerts},
        intents={i.id: i for i in intents},
    )


def intent(
    number: int = 1, state: IntentState = IntentState.PLANNED, order: Order | None = None, **changes: object
) -> Intent:
    """An intent of the action `repay`, 500 USDT in cross; or of `top-up`, whose transfer funds a repayment."""
    wanted = order or Repay(CROSS, "USDT", D(500))
    is_transfer = isinstance(wanted, Transfer)
    made = Intent(
        id=number,
        plan=1,
        action="top-up" if is_transfer else "repay",
        kind="transfer_in" if is_transfer else "repay",
        mode="live",
        account="main",
        order=wanted,
        state=state,
        amount_usdt=wanted.amount * PRICES.get(wanted.asset, D(0)),
        created_at=NOW - seconds(10),
        alert=1,
        purpose="repay" if is_transfer else None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the fields of the dataclass, by name
