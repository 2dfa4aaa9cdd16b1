"""Another hand on the account: what it did of the kinds that actions do here, and whether that was ours after all."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.intent import FINAL, Intent, IntentState
from monitor.core.model.ledger import SAME_MOMENT, Foreign, Hands, Movement
from monitor.core.model.order import ActionKind, ByName
from monitor.core.numbers.amounts import plain
from monitor.core.state.attribution import AFTER_SENDING
from monitor.core.state.foreign_movements import foreign

DAY = timedelta(hours=24)

GRACE = timedelta(seconds=10)
"""How long what was just seen waits for an order of our own that explains it: its answer may be on its way."""

_NEVER_LEFT = frozenset({IntentState.REFUSED, IntentState.EXPIRED, IntentState.REJECTED, IntentState.SIMULATED})


def kinds_of(actions: Iterable[ActionSpec]) -> frozenset[ActionKind]:
    """The kinds of movement that the actions make, those that send: only these tell anything of another daemon."""
    found: set[ActionKind] = set()
    for action in actions:
        if action.mode == "dry-run" or action.kind == "cancel_orders":
            continue
        found.add(action.kind)
        if action.kind == "reduce" or (action.kind == "transfer_in" and action.use != "collateral"):
            found.add("repay")
    return frozenset(found)


def suspected(hands: Hands, movements: Iterable[Movement], actions: Iterable[ActionSpec], now: datetime) -> Hands:
    """What is known with these movements: those of our kinds that somebody asked for and no order here explains."""
    kinds = kinds_of(actions)
    new = {one.key: one for one in foreign(movements) if one.is_certain and one.kind in kinds and now - one.at < DAY}
    fresh = {key: one for key, one in new.items() if key not in hands.suspects}
    return Hands({**hands.suspects, **fresh}, hands.found) if fresh else hands


def examined(hands: Hands, intents: Iterable[Intent], now: datetime) -> tuple[Hands, tuple[Foreign, ...]]:
    """What is left of it by now, and what is newly taken for another hand's doing."""
    if not hands.suspects:
        return hands, ()
    known = tuple(intents)
    kept = {key: one for key, one in hands.suspects.items() if now - one.at < DAY}
    found = {
        key for key, one in kept.items() if _is_ripe(one, hands, now) and not any(_explains(i, one) for i in known)
    }
    newly = tuple(kept[key] for key in sorted(found - hands.found))
    if len(kept) == len(hands.suspects) and found == hands.found:
        return hands, ()
    return Hands(kept, frozenset(found)), newly


def in_words(one: Foreign) -> str:
    """What it was, for a person."""
    what = {"repay": "repaid", "transfer_in": "brought in", "reduce": "ordered on the market"}.get(one.kind, one.kind)
    return f"{plain(one.amount)} {one.asset} {what} in {one.scope} at {one.at:%H:%M:%S} UTC by no order of this record"


def _is_ripe(one: Foreign, hands: Hands, now: datetime) -> bool:
    return one.key in hands.found or now - one.seen_at >= GRACE


def _explains(intent: Intent, one: Foreign) -> bool:
    """Whether the intent is, or may yet turn out to be, what moved."""
    if intent.state in _NEVER_LEFT or one.kind == "reduce":
        # An order on the market is told by its name alone.
        return False
    is_by_name = isinstance(intent.order, ByName)
    if intent.asset != one.asset or not (is_by_name or intent.kind == one.kind):
        return False
    if intent.state not in FINAL and intent.state is not IntentState.PROPOSED:
        if intent.state is IntentState.PLANNED:
            # It may yet be sized anew and sent, but it can't have moved anything before it was planned.
            return intent.created_at <= one.at + SAME_MOMENT
        return intent.amount == one.amount or intent.submitted_at is None
    sent = intent.submitted_at
    return sent is not None and intent.amount == one.amount and -SAME_MOMENT <= one.at - sent <= AFTER_SENDING
