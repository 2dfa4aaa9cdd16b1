"""The state from which an account starts, and its merge with the store's after a start without the store."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monitor.core.actions.foreign_activity import EXPLANATION_GRACE, add_suspects, confirm_suspects, movement_kinds_of
from monitor.core.alerting.evaluation import OPEN_STATES
from monitor.core.engine.step import Policy
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import Alert, AlertKey, AlertState, AlertTransition, Notification
from monitor.core.model.events import CommandsRead, HealthRead, InterestRead
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.core.model.journal import JournalEntry
from monitor.core.model.ledger import ForeignActivity
from monitor.core.model.lending_terms import parse_remembered_thresholds as remembered_terms
from monitor.core.state.account_state import AccountState, InterestState
from monitor.core.state.activity_state import ActivityState
from monitor.core.state.clock_correction import clamp_timestamps
from monitor.core.state.price_state import PriceState
from monitor.core.state.record_coverage import start_coverage
from monitor.core.state.reference_state import ReferenceState
from monitor.core.state.stream_overlay import LiveBalances
from monitor.runtime.account.journal_backlog import JournalBacklog
from monitor.store.startup import SavedState
from monitor.view.documents.level_notice import read_level_notice


def restore_state(
    loaded: SavedState, policy: Policy, now: datetime, commands: CommandsRead | None, health: HealthRead
) -> AccountState:
    """Return the state after a start: open alerts continue, and time without observation counts for nothing.

    Their data are missing until the first read, so alerts neither clear nor advance before. Thresholds, tiers and the
    exchange's own notice of the level hold as last read until they are read again.
    """
    return _with_thresholds(
        AccountState(
            account=policy.settings.account,
            started_at=now,
            live_balances=LiveBalances(notice=read_level_notice(loaded.live_document, now)),
            alerts=_as_unknown(clamp_timestamps(loaded.alerts, now), now),
            intents={i.id: i for i in loaded.intents},
            commands=commands if commands is not None else CommandsRead(),
            health=health,
            # The exchange's answer shows whether charges are missing.
            interest=InterestState(charges=InterestRead(loaded.interest, None, now)),
            prices=PriceState(peg_history=loaded.pegs),
            activity=_first_activity(policy, loaded.ledger_until),
            reference=ReferenceState(terms=loaded.terms),
            foreign_activity=_foreign_activity(ForeignActivity(), loaded, policy, now),
            record_coverage=start_coverage(loaded.recorded_until, loaded.gap_movements, now),
        )
    )


def continue_from_memory(
    before: AccountState | None, policy: Policy, now: datetime, commands: CommandsRead | None, health: HealthRead
) -> AccountState:
    """Return the state to continue from in memory, while the store can't be read. No order is decided on it."""
    health = replace(health, store_failing=True)
    name = policy.settings.account
    if before is None:
        known = CommandsRead() if commands is None else commands
        activity = _first_activity(policy, {})
        return AccountState(account=name, started_at=now, commands=known, health=health, activity=activity)
    return _with_thresholds(
        AccountState(
            account=name,
            started_at=now,
            live_balances=LiveBalances(notice=before.live_balances.notice),
            alerts=_as_unknown(before.alerts.values(), now),
            intents=before.intents,
            commands=before.commands if commands is None else commands,
            health=health,
            interest=InterestState(charges=before.interest.charges),
            prices=PriceState(peg_history=before.prices.peg_history),
            activity=_first_activity(policy, before.activity.ledger_read_until),
            reference=ReferenceState(terms=before.reference.terms),
            foreign_activity=before.foreign_activity,
            record_coverage=before.record_coverage,
        )
    )


def renumber_alerts(state: AccountState, unknown: range, next_id: Callable[[], int]) -> AccountState:
    """Return the state without its intents, and with ids for its open alerts that are free in the store.

    Those that are `unknown` there stay (`NextIds`).

    Used for a store that refused a decision, which knows the orders better; people know of the alerts. It is not known
    whether the store took the pause that foreign activity causes, so foreign activity is detected once more.
    """
    alerts = {
        key: alert if alert.id in unknown else replace(alert, id=next_id())
        for key, alert in state.alerts.items()
        if alert.state in OPEN_STATES
    }
    undetected = replace(state.foreign_activity, confirmed=frozenset(), notified=frozenset())
    return replace(state, intents={}, alerts=alerts, foreign_activity=undetected)


def merge_stored_state(
    state: AccountState, backlog: JournalBacklog, loaded: SavedState, policy: Policy, now: datetime
) -> AccountState:
    """Return the merge of memory and store, with the backlog adapted: alerts that the store knew keep their ids.

    Decisions from memory are recorded after that, and every open alert has its row.
    """
    known = {alert.key: alert for alert in loaded.alerts if alert.state in OPEN_STATES}
    alerts = dict(_as_unknown(known.values(), now))
    renamed: dict[int, Alert] = {}
    for key, mine in state.alerts.items():
        theirs = known.get(key)
        if theirs is None or theirs.id == mine.id:
            alerts[key] = mine
            continue
        alerts[key] = renamed[mine.id] = _merge_alert(theirs, mine)
    backlog.rewrite(lambda entry: _renumber_entry(entry, renamed, loaded))
    waiting = {intent.id for entry in backlog.entries for intent in entry.intents}
    if alerts:
        first_transitions = _first_transitions(
            {alert.id: alert for key, alert in alerts.items() if key not in known}, backlog
        )
        backlog.put_first(
            JournalEntry(account=state.account, at=now, alerts=tuple(alerts.values()), transitions=first_transitions)
        )
    return _with_thresholds(
        replace(
            state,
            alerts=alerts,
            intents={**_open_intents(state.intents, waiting), **{intent.id: intent for intent in loaded.intents}},
            interest=replace(state.interest, charges=InterestRead(loaded.interest, None, now)),
            prices=replace(state.prices, peg_history={**loaded.pegs, **state.prices.peg_history}),
            live_balances=_with_notice(state, loaded, now),
            foreign_activity=_foreign_activity(state.foreign_activity, loaded, policy, now),
            record_coverage=start_coverage(loaded.recorded_until, loaded.gap_movements, now),
            activity=replace(
                state.activity, ledger_read_until={**loaded.ledger_until, **state.activity.ledger_read_until}
            ),
            reference=replace(state.reference, terms={**loaded.terms, **state.reference.terms}),
        )
    )


def _first_activity(policy: Policy, ledger_read_until: Mapping[Scope, datetime]) -> ActivityState:
    return ActivityState(
        ledger_read_until=ledger_read_until, watches_foreign_activity=bool(movement_kinds_of(policy.actions))
    )


def _foreign_activity(known: ForeignActivity, loaded: SavedState, policy: Policy, now: datetime) -> ForeignActivity:
    """Return possible foreign activity, from memory and from the store.

    Movements that were a while before the end of the record are confirmed. For later ones it is not certain that all
    consequences, such as a pause, were recorded: they are detected anew.
    """
    until = now if loaded.recorded_until is None else min(now, loaded.recorded_until - EXPLANATION_GRACE)
    suspected = add_suspects(known, loaded.foreign_movements + loaded.own_movements, policy.actions, now)
    return confirm_suspects(suspected, loaded.intents, until, policy.safety.watch)[0]


def _with_notice(state: AccountState, loaded: SavedState, now: datetime) -> LiveBalances:
    """Return live balances with the notice of an earlier run, unless cross was read or a newer notice received."""
    known = state.live_balances.notice is not None or state.cross is not None
    return (
        state.live_balances
        if known
        else replace(state.live_balances, notice=read_level_notice(loaded.live_document, now))
    )


def _with_thresholds(state: AccountState) -> AccountState:
    """Return the state with thresholds and tiers of an earlier run, where they were not read in this one."""
    terms = remembered_terms(state.reference.terms.values())
    tiers = {symbol: found for symbol, found in terms.tiers.items() if symbol not in state.thresholds.tiers}
    is_bars_wanted = state.thresholds.cross is None and terms.thresholds is not None
    return replace(
        state,
        thresholds=replace(
            state.thresholds,
            cross=terms.thresholds if is_bars_wanted else state.thresholds.cross,
            tiers={**tiers, **state.thresholds.tiers},
            remembered_scopes=state.thresholds.remembered_scopes
            | {*([CROSS] if is_bars_wanted else []), *map(Scope, tiers)},
        ),
    )


def _as_unknown(alerts: Iterable[Alert], now: datetime) -> Mapping[AlertKey, Alert]:
    return {a.key: replace(a, unknown_since=a.unknown_since or now) for a in alerts if a.state in OPEN_STATES}


def _merge_alert(theirs: Alert, mine: Alert) -> Alert:
    """Return the merged alert: id and commands are the store's, the present figures those of memory."""
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


def _renumber_entry(entry: JournalEntry, renamed: Mapping[int, Alert], loaded: SavedState) -> JournalEntry:
    """Return the entry with the store's ids. An alert that had fired in the store is not notified again."""
    firing = {alert.id for alert in loaded.alerts if alert.state is AlertState.FIRING}
    return replace(
        entry,
        alerts=tuple(alert for alert in entry.alerts if alert.id not in renamed),
        transitions=tuple(
            moved
            for transition in entry.transitions
            if (moved := _renumber_transition(transition, renamed, firing)) is not None
        ),
        notifications=tuple(
            changed
            for notification in entry.notifications
            if (changed := _renumber_notification(notification, renamed, firing)) is not None
        ),
        terms=tuple(t for t in entry.terms if not _is_same_text(t.text, loaded.terms.get((t.kind, t.subject)))),
    )


def _first_transitions(alerts: Mapping[int, Alert], backlog: JournalBacklog) -> tuple[AlertTransition, ...]:
    """Return the first transitions of alerts without a transition in the backlog."""
    waiting = {transition.alert for entry in backlog.entries for transition in entry.transitions}
    return tuple(
        AlertTransition(number, None, alert.state, alert.fired_at or alert.since, alert.value)
        for number, alert in alerts.items()
        if number not in waiting
    )


def _renumber_transition(
    transition: AlertTransition, renamed: Mapping[int, Alert], firing: set[int]
) -> AlertTransition | None:
    theirs = renamed.get(transition.alert)
    if theirs is None:
        return transition
    if theirs.id in firing or transition.to_state is not AlertState.FIRING:
        return None
    return replace(transition, alert=theirs.id, from_state=AlertState.PENDING)


def _renumber_notification(
    notification: Notification, renamed: Mapping[int, Alert], firing: set[int]
) -> Notification | None:
    theirs = renamed.get(notification.alert)
    if theirs is None:
        return notification
    return None if theirs.id in firing else replace(notification, alert=theirs.id)


def _is_same_text(text: str, known: object) -> bool:
    return getattr(known, "text", None) == text


def _open_intents(intents: Mapping[int, Intent], waiting: set[int]) -> dict[int, Intent]:
    """Return the intents of memory that are in flight or wait to be recorded.

    An intent that was only planned elsewhere is void; one that is final and not in the store is found in the exchange's
    history.
    """
    over = FINAL_STATES | {IntentState.PLANNED}
    return {n: i for n, i in intents.items() if n in waiting or i.state not in over}
