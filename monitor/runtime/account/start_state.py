"""The state that an account starts from, and how one that began without the store goes on from what the store knows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monitor.core.actions.foreign_activity import GRACE, examined, kinds_of, suspected
from monitor.core.alerting.evaluation import OPEN
from monitor.core.engine.step import Policy
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import Alert, AlertKey, AlertState, Notification, Transition
from monitor.core.model.events import HealthRead, InterestRead, OperatorRead
from monitor.core.model.intent import FINAL, Intent, IntentState
from monitor.core.model.journal import Entry
from monitor.core.model.ledger import Hands
from monitor.core.model.lending_terms import remembered as remembered_terms
from monitor.core.state.account_state import AccountState
from monitor.core.state.clock_correction import no_later
from monitor.core.state.record_coverage import begun
from monitor.core.state.reference_state import Followed
from monitor.core.state.stream_overlay import Picture
from monitor.runtime.account.backlog import Backlog
from monitor.store.startup import Loaded
from monitor.view.documents.level_notice import read_notice


def remembered(
    loaded: Loaded, policy: Policy, now: datetime, operator: OperatorRead | None, health: HealthRead
) -> AccountState:
    """The state to start from: open alerts go on where they were, and time that nobody watched counts for nothing.

    Their data are missing until the first read: so they neither clear nor go on before. Bars and tiers hold as they
    were last read, and the exchange's own word on the level until it is read anew.
    """
    return _with_bars(
        AccountState(
            account=policy.settings.account,
            started_at=now,
            picture=Picture(notice=read_notice(loaded.live, now)),
            alerts=_unknown(no_later(loaded.alerts, now), now),
            intents={i.id: i for i in loaded.intents},
            operator=operator if operator is not None else OperatorRead(),
            health=health,
            # Whether charges are missing shows when the exchange is asked.
            interest=InterestRead(loaded.interest, None, now),
            pegs=loaded.pegs,
            followed=Followed(
                terms=loaded.terms, ledger_at=loaded.ledger_until, watches_hands=bool(kinds_of(policy.actions))
            ),
            hands=_hands(Hands(), loaded, policy, now),
            record=begun(loaded.known_until, loaded.found, now),
        )
    )


def carried_on(
    before: AccountState | None, policy: Policy, now: datetime, operator: OperatorRead | None, health: HealthRead
) -> AccountState:
    """The same from memory, while the store can't be read. Nothing that moves money is decided on it."""
    health = replace(health, store_failing=True)
    name = policy.settings.account
    if before is None:
        known = OperatorRead() if operator is None else operator
        followed = Followed(watches_hands=bool(kinds_of(policy.actions)))
        return AccountState(account=name, started_at=now, operator=known, health=health, followed=followed)
    return _with_bars(
        AccountState(
            account=name,
            started_at=now,
            picture=Picture(notice=before.picture.notice),
            alerts=_unknown(before.alerts.values(), now),
            intents=before.intents,
            operator=before.operator if operator is None else operator,
            health=health,
            interest=before.interest,
            pegs=before.pegs,
            followed=Followed(
                terms=before.followed.terms,
                ledger_at=before.followed.ledger_at,
                watches_hands=bool(kinds_of(policy.actions)),
            ),
            hands=before.hands,
            record=before.record,
        )
    )


def numbered_anew(state: AccountState, first_free: int, number: Callable[[], int]) -> AccountState:
    """The state without its intents, and with numbers for its open alerts that are free in the store.

    For a store that refused what was decided: it knows better what was ordered, and people know of the alerts. Whether
    it took the pause that another hand's doing calls for is not known: what was done is found once more.
    """
    alerts = {
        key: alert if alert.id >= first_free else replace(alert, id=number())
        for key, alert in state.alerts.items()
        if alert.state in OPEN
    }
    return replace(state, intents={}, alerts=alerts, hands=replace(state.hands, found=frozenset()))


def adopted(state: AccountState, backlog: Backlog, loaded: Loaded, policy: Policy, now: datetime) -> AccountState:
    """The state that goes on from both, with the backlog made to fit: alerts that the store knew keep their numbers.

    What was decided from memory is recorded after that, and everything that is open has its row.
    """
    known = {alert.key: alert for alert in loaded.alerts if alert.state in OPEN}
    alerts = dict(_unknown(known.values(), now))
    renamed: dict[int, Alert] = {}
    for key, mine in state.alerts.items():
        theirs = known.get(key)
        if theirs is None or theirs.id == mine.id:
            alerts[key] = mine
            continue
        alerts[key] = renamed[mine.id] = _one_of(theirs, mine)
    backlog.rewrite(lambda entry: _renumbered(entry, renamed, loaded))
    waiting = {intent.id for entry in backlog.entries for intent in entry.intents}
    if alerts:
        born = _born({alert.id: alert for key, alert in alerts.items() if key not in known}, backlog)
        backlog.put_first(Entry(account=state.account, at=now, alerts=tuple(alerts.values()), transitions=born))
    return _with_bars(
        replace(
            state,
            alerts=alerts,
            intents={**_kept(state.intents, waiting), **{intent.id: intent for intent in loaded.intents}},
            interest=InterestRead(loaded.interest, None, now),
            pegs={**loaded.pegs, **state.pegs},
            picture=_with_notice(state, loaded, now),
            hands=_hands(state.hands, loaded, policy, now),
            record=begun(loaded.known_until, loaded.found, now),
            followed=replace(
                state.followed,
                terms={**loaded.terms, **state.followed.terms},
                ledger_at={**loaded.ledger_until, **state.followed.ledger_at},
            ),
        )
    )


def _hands(known: Hands, loaded: Loaded, policy: Policy, now: datetime) -> Hands:
    """What may be another hand's doing, `known` and recorded.

    Taken for it is what had been a while before the record ends. Of what came later it is not certain that all that
    follows from it, such as a pause, was recorded: it is found anew.
    """
    until = now if loaded.known_until is None else min(now, loaded.known_until - GRACE)
    return examined(suspected(known, loaded.by_others, policy.actions, now), loaded.intents, until)[0]


def _with_notice(state: AccountState, loaded: Loaded, now: datetime) -> Picture:
    """The picture with the notice of an earlier run, where cross was not read in this one, nor a newer one told."""
    known = state.picture.notice is not None or state.cross is not None
    return state.picture if known else replace(state.picture, notice=read_notice(loaded.live, now))


def _with_bars(state: AccountState) -> AccountState:
    """The state with the bars and tiers of an earlier run, where they were not read in this one."""
    terms = remembered_terms(state.followed.terms.values())
    tiers = {symbol: found for symbol, found in terms.tiers.items() if symbol not in state.tiers}
    is_bars_wanted = state.bars is None and terms.bars is not None
    return replace(
        state,
        bars=terms.bars if is_bars_wanted else state.bars,
        tiers={**tiers, **state.tiers},
        remembered=state.remembered | {*([CROSS] if is_bars_wanted else []), *map(Scope, tiers)},
    )


def _unknown(alerts: Iterable[Alert], now: datetime) -> Mapping[AlertKey, Alert]:
    return {a.key: replace(a, unknown_since=a.unknown_since or now) for a in alerts if a.state in OPEN}


def _one_of(theirs: Alert, mine: Alert) -> Alert:
    """The alert of both: the number and what people did are the store's, the present figures those of memory."""
    if theirs.state is AlertState.FIRING:
        return replace(
            theirs,
            summary=mine.summary,
            value=mine.value,
            unknown_since=mine.unknown_since,
            clear_since=mine.clear_since,
            updated_at=mine.updated_at,
            notified_at=mine.notified_at or theirs.notified_at,
        )
    return replace(mine, id=theirs.id, since=theirs.since)


def _renumbered(entry: Entry, renamed: Mapping[int, Alert], loaded: Loaded) -> Entry:
    """The entry with the store's numbers. Of an alert that had fired there, nothing has to be said again."""
    firing = {alert.id for alert in loaded.alerts if alert.state is AlertState.FIRING}
    return replace(
        entry,
        alerts=tuple(alert for alert in entry.alerts if alert.id not in renamed),
        transitions=tuple(moved for one in entry.transitions if (moved := _moved(one, renamed, firing)) is not None),
        notifications=tuple(told for one in entry.notifications if (told := _told(one, renamed, firing)) is not None),
        terms=tuple(t for t in entry.terms if not _is_known(t.text, loaded.terms.get((t.kind, t.subject)))),
    )


def _born(alerts: Mapping[int, Alert], backlog: Backlog) -> tuple[Transition, ...]:
    """The beginnings of alerts of which nothing waits to be recorded any more."""
    waiting = {transition.alert for entry in backlog.entries for transition in entry.transitions}
    return tuple(
        Transition(number, None, alert.state, alert.fired_at or alert.since, alert.value)
        for number, alert in alerts.items()
        if number not in waiting
    )


def _moved(transition: Transition, renamed: Mapping[int, Alert], firing: set[int]) -> Transition | None:
    theirs = renamed.get(transition.alert)
    if theirs is None:
        return transition
    if theirs.id in firing or transition.to_state is not AlertState.FIRING:
        return None
    return replace(transition, alert=theirs.id, from_state=AlertState.PENDING)


def _told(notification: Notification, renamed: Mapping[int, Alert], firing: set[int]) -> Notification | None:
    theirs = renamed.get(notification.alert)
    if theirs is None:
        return notification
    return None if theirs.id in firing else replace(notification, alert=theirs.id)


def _is_known(text: str, known: object) -> bool:
    return getattr(known, "text", None) == text


def _kept(intents: Mapping[int, Intent], waiting: set[int]) -> dict[int, Intent]:
    """Those of memory that are under way, or wait to be recorded.

    What was merely planned elsewhere is nobody's; of what is over and not in the store, the exchange's history tells.
    """
    over = FINAL | {IntentState.PLANNED}
    return {n: i for n, i in intents.items() if n in waiting or i.state not in over}
