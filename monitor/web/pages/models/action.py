"""An intent as a page shows it: a row of the overview, and its whole story."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.intent import FINAL_STATES, IntentState
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.actions import ActionDocument, IntentStepDocument
from monitor.view.formatting import format_amount, format_level, format_price, format_usdt
from monitor.web.pages.models.scope import FigureAge, account_path, figure_age
from monitor.web.pages.models.words import (
    PageTone,
    age_words,
    amount_words,
    clock_words,
    decimal_of,
    parse_time,
    seconds_since,
    short_amount_words,
    time_words,
)

STATE_WORDS: Mapping[str, tuple[str, PageTone]] = {
    IntentState.PROPOSED: ("waits for your approval", "note"),
    IntentState.PLANNED: ("decided, about to be checked and sent", "note"),
    IntentState.SUBMITTING: ("being sent", "note"),
    IntentState.ACKNOWLEDGED: ("accepted by the exchange, proof is awaited", "note"),
    IntentState.UNCERTAIN: ("outcome not known yet: it is being looked up, never sent again", "note"),
    IntentState.UNRESOLVED: ("outcome not known: a person must look", "bad"),
    IntentState.CONFIRMED: ("done and proven", "good"),
    IntentState.FAILED: ("failed, no money moved", "bad"),
    IntentState.REFUSED: ("refused by the exchange", "note"),
    IntentState.REJECTED: ("rejected by a person", "dim"),
    IntentState.EXPIRED: ("no longer wanted, never sent", "dim"),
    IntentState.SIMULATED: ("dry run, nothing was sent", "dim"),
}

KIND_WORDS: Mapping[str, str] = {
    "repay": "Repay",
    "transfer_in": "Bring in",
    "reduce": "Sell",
    "cancel_orders": "Cancel open orders of",
}


@dataclass(frozen=True, slots=True)
class ActionStep:
    """One step of an intent, and what was sent and answered in it."""

    words: str
    state: str
    tone: PageTone
    clock: str
    time: str
    note: str
    request: str
    answer: str


@dataclass(frozen=True, slots=True)
class ActionView:
    """An intent. `headline` says what it does, `amount` is exact, `levels` is what that does to the level."""

    id: int
    href: str
    headline: str
    verb: str
    amount: str
    value: str
    action: str
    mode: str
    account: str
    account_href: str
    scope: str
    alert: int | None
    state: str
    state_words: str
    tone: PageTone
    reason: str
    evidence: str
    levels: str
    trade: str
    transaction: str
    resolved_by: str
    created: str
    created_at: str
    age: FigureAge | None
    expires: str
    expires_in: str
    steps: tuple[ActionStep, ...]

    @property
    def waits_for_approval(self) -> bool:
        return self.state == IntentState.PROPOSED

    @property
    def is_under_way(self) -> bool:
        return self.state not in FINAL_STATES


@dataclass(frozen=True, slots=True)
class BlockView:
    """An action that an alert asks for and that is blocked, or a rule whose actions are stopped."""

    where: str
    what: str
    why: str
    tone: PageTone
    mend: str = ""


def action_view(action: ActionDocument, now: datetime) -> ActionView:
    words, tone = STATE_WORDS.get(action["state"], (action["state"].lower(), "note"))
    usdt = decimal_of(action["amount_usdt"])
    before, after = (decimal_of(action[key]) for key in ("level_before", "level_after"))
    return ActionView(
        id=action["id"],
        href=f"/actions/{action['id']}",
        headline=f"{_verb(action)} {short_amount_words(action['amount'], action['asset'])}".rstrip(),
        verb=_verb(action),
        amount=amount_words(action["amount"], action["asset"]),
        value=format_usdt(usdt) if usdt and action["asset"] != "USDT" else "",
        action=action["action"],
        mode=action["mode"],
        account=action["account"],
        account_href=account_path(action["account"]),
        scope=action["symbol"] or action["scope"],
        alert=action["alert"],
        state=action["state"],
        state_words=words,
        tone=tone,
        reason=action["reason"] or "",
        evidence=action["evidence"] or "",
        levels="" if before is None or after is None else f"{format_level(before)} → {format_level(after)}",
        trade=_trade_words(action),
        transaction=action["tran_id"] or "",
        resolved_by=action["resolved_by"] or "",
        created=time_words(action["created_at"]),
        created_at=action["created_at"],
        age=figure_age(seconds_since(action["created_at"], now)),
        expires=clock_words(action["expires_at"]) if action["expires_at"] is not None else "",
        expires_in=_time_left(action["expires_at"], now),
        steps=tuple(_step(step) for step in action["steps"]),
    )


def block_views(account: AccountDocument) -> Iterable[BlockView]:
    """Blocked actions, and rules whose actions are stopped, of one account."""
    for stop in account.get("rules_stopped", ()):
        waits = stop["grounds"] == "unjudged"
        yield BlockView(
            account["account"],
            f"the actions of rule {stop['rule']} {'wait' if waits else 'are stopped'}",
            f"action {stop['intent']}: {stop['why']}",
            "note" if waits else "bad",
            "" if waits else "resume actions to let them go on",
        )
    for block in account.get("actions_stopped", ()):
        where = f"{account['account']} {block['symbol'] or block['scope']}"
        yield BlockView(where, f"{block['action']} is blocked", block["why"], "bad" if block["by_limit"] else "note")


def _time_left(until: str | None, now: datetime) -> str:
    seconds = 0.0 if until is None else (parse_time(until) - now).total_seconds()
    return age_words(seconds) if seconds > 0 else ""


def _verb(action: ActionDocument) -> str:
    return KIND_WORDS.get(action["kind"], action["kind"].replace("_", " ").capitalize())


def _trade_words(action: ActionDocument) -> str:
    order = action.get("order")
    if order is None:
        return ""
    quantity, price = decimal_of(order["quantity"]), decimal_of(order["price"])
    return f"{order['side']} {format_amount(quantity)} {order['symbol']} at {format_price(price)} or better"


def _step(step: IntentStepDocument) -> ActionStep:
    words, tone = STATE_WORDS.get(step["state"], (step["state"].lower(), "note"))
    return ActionStep(
        words=words,
        state=step["state"],
        tone=tone,
        clock=clock_words(step["at"]),
        time=step["at"],
        note=step["note"],
        request=step.get("request") or "",
        answer=step.get("answer") or "",
    )
