"""Orders of accounts that are not in the configuration any more: without their key, a person has to look into them."""

import logging
from collections.abc import Collection
from datetime import datetime

from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.journal import Entry
from monitor.core.settlement.notices import notices_of
from monitor.core.settlement.observation import Unresolved
from monitor.core.settlement.transitions import Moved, abandoned, expired, is_abandoned, judged
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store

log = logging.getLogger(__name__)

_GONE = "its account is not in the configuration any more, so nothing here can look into it"

_S = IntentState


async def hand_to_a_person(
    store: Store, accounts: Collection[str], leaving: Collection[str], channels: tuple[str, ...], now: datetime
) -> tuple[Intent, ...]:
    """Settle what can be of the open orders of all other accounts, ask a person about the rest, and tell the channels.

    What was not sent expires; what may have moved money becomes UNRESOLVED, which is critical news, but for accounts
    that are `leaving`, whose key is still there to look with. Returns the intents that were moved. Raises StoreError.
    """
    orphans = [row.intent for row in await store.read(read_intents) if row.intent.account not in accounts]
    handed = []
    for intent in orphans:
        moves = _moves(intent, now, is_leaving=intent.account in leaving)
        if not moves:
            continue
        last = moves[-1].intent
        steps: tuple[IntentStep, ...] = tuple(move.step for move in moves)
        notices = notices_of([last], channels, now)
        await store.commit(Entry(intent.account, now, intents=(last,), intent_steps=steps, notices=notices))
        log.warning("intent.orphaned account=%s intent=%d state=%s", intent.account, intent.id, last.state)
        handed.append(last)
    return tuple(handed)


def _moves(intent: Intent, now: datetime, *, is_leaving: bool) -> list[Moved]:
    """The steps to where the intent can stay; none where a person is asked already, or its sender may live."""
    match intent.state:
        case _S.PROPOSED | _S.PLANNED:
            return [expired(intent, now, "its account is not in the configuration any more")]
        case _ if is_leaving:
            return []
        case _S.SUBMITTING if is_abandoned(intent, now):
            first = abandoned(intent, now, "its sender ended while sending")
            asked = judged(first.intent, Unresolved(_GONE), now)
            return [first] if asked is None else [first, asked]
        case _S.ACKNOWLEDGED | _S.UNCERTAIN:
            asked = judged(intent, Unresolved(_GONE), now)
            return [] if asked is None else [asked]
        case _:
            return []
