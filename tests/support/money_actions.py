"""A daemon that may move money in a sandbox: its configuration, and the orders that the exchange received."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from monitor.core.model.intent import Intent
from monitor.errors import StoreError
from monitor.records.intents import IntentRow
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.store.command_store import ReadStore
from monitor.store.readers.intents import read_intents

REPAY_PATH, TRANSFER_PATH = "/sapi/v1/margin/borrow-repay", "/sapi/v1/asset/transfer"

CALL_RULE = """
[[rules]]
name = "acts"
scope = "cross"
when = "margin_level < 9"
severity = "info"
actions = ["{action}"]
"""

REPAY_BELOW_INITIAL = """
[[rules]]
name = "act"
scope = "cross"
when = "margin_level < initial_level"
severity = "critical"
actions = ["pay"]

[[actions]]
name = "pay"
kind = "repay"
mode = "live"
asset = "USDT"
amount = "50"
max_amount = "100"
max_per_day = "100"
"""
"""A live repayment of 50 USDT below the initial level. Further keys of the action may follow."""

REPAY_CONFIG = """
[safety]
settle = "5s"
unresolved_after = "{unresolved_after}"
pause_file = "{pause_file}"

[[actions]]
name = "repay-idle"
kind = "repay"
mode = "{mode}"
asset = "USDT"
target = "margin_level >= 2"
max_amount = "{max_amount}"
max_per_day = "100000"
cooldown = "{cooldown}"
approve_within = "{approve_within}"
on_no_answer = "{on_no_answer}"
"""


def repay_config(
    *,
    mode: str = "live",
    max_amount: str = "50000",
    cooldown: str = "1h",
    unresolved_after: str = "30s",
    approve_within: str = "10m",
    on_no_answer: str = "skip",
    pause_file: str = "",
    calls: bool = True,
) -> str:
    """Tables of a config in which an alert that always fires repays idle USDT up to a level of 2."""
    action = REPAY_CONFIG.format(
        mode=mode,
        max_amount=max_amount,
        cooldown=cooldown,
        unresolved_after=unresolved_after,
        approve_within=approve_within,
        on_no_answer=on_no_answer,
        pause_file=pause_file,
    )
    return action + (CALL_RULE.format(action="repay-idle") if calls else "")


def money_requests(requests: Iterable[ReceivedRequest]) -> list[ReceivedRequest]:
    """The orders that the exchange received, carried out or not."""
    return [request for request in requests if request.method == "POST" and request.path in (REPAY_PATH, TRANSFER_PATH)]


def intents_with_steps(folder: Path) -> list[IntentRow]:
    """Every intent in the database of a config in `folder`, oldest first, with its steps; none without a database."""
    try:
        return _stories(folder)
    except StoreError:
        return []


def intents(folder: Path) -> list[Intent]:
    """Every intent in the database of a config in `folder`, oldest first."""
    return [row.intent for row in intents_with_steps(folder)]


def requested_total(requests: Iterable[ReceivedRequest]) -> Decimal:
    """The total that these requests have moved."""
    return sum((Decimal(request.params["amount"]) for request in requests if request.applied), Decimal(0))


def _stories(folder: Path) -> list[IntentRow]:
    with ReadStore.open(f"sqlite:///{folder}/monitor.db") as store:
        return sorted(store.read(read_intents, include_final=True), key=lambda row: row.intent.id)
