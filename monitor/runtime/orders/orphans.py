"""Open orders of accounts that left the configuration: without their key, a person must settle them."""

import logging
from collections.abc import Collection
from datetime import datetime

from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.journal import JournalEntry
from monitor.core.settlement.notices import intent_notices
from monitor.core.settlement.observation import Unresolved
from monitor.core.settlement.transitions import IntentUpdate, apply_verdict, expire, is_abandoned, mark_uncertain
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store

log = logging.getLogger(__name__)

_ACCOUNT_REMOVED = "its account is not in the configuration any more, so nothing here can look into it"

_S = IntentState


async def escalate_orphans(
    store: Store, removed: Collection[str], leaving: Collection[str], channels: tuple[str, ...], now: datetime
) -> tuple[Intent, ...]:
    """Settle the open orders of the removed accounts, or ask a person, and notify the channels.

    Orders that were not sent expire. Orders that may have moved money become UNRESOLVED, a critical notice, except for
    accounts in `leaving`, whose key can still be used to observe. Returns the changed intents. Raises StoreError.
    """
    orphans = [row.intent for row in await store.read(read_intents) if row.intent.account in removed]
    changed = []
    for intent in orphans:
        moves = _transitions(intent, now, is_leaving=intent.account in leaving)
        if not moves:
            continue
        last = moves[-1].intent
        steps: tuple[IntentStep, ...] = tuple(move.step for move in moves)
        notices = intent_notices([last], channels, now)
        await store.commit(JournalEntry(intent.account, now, intents=(last,), intent_steps=steps, notices=notices))
        log.warning("intent.orphaned account=%s intent=%d state=%s", intent.account, intent.id, last.state)
        changed.append(last)
    return tuple(changed)


def _transitions(intent: Intent, now: datetime, *, is_leaving: bool) -> list[IntentUpdate]:
    """Return the steps to the state in which the intent can stay.

    There are none where a person was asked already, or where its sender may still run.
    """
    match intent.state:
        case _S.PROPOSED | _S.PLANNED:
            return [expire(intent, now, "its account is not in the configuration any more")]
        case _ if is_leaving:
            return []
        case _S.SUBMITTING if is_abandoned(intent, now):
            first = mark_uncertain(intent, now, "its sender ended while sending")
            asked = apply_verdict(first.intent, Unresolved(_ACCOUNT_REMOVED), now)
            return [first] if asked is None else [first, asked]
        case _S.ACKNOWLEDGED | _S.UNCERTAIN:
            asked = apply_verdict(intent, Unresolved(_ACCOUNT_REMOVED), now)
            return [] if asked is None else [asked]
        case _:
            return []
