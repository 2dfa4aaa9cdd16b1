"""Evaluation of rules on measured subjects: alerts that begin and end, and the notifications due."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from monitor.config.rules.rule_files import parse_rules
from monitor.core.alerting.evaluation import Evaluation, close_abandoned, evaluate_rules
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.metrics.snapshot import MetricsSnapshot, Subject
from monitor.core.model.account import Balance, IsolatedSnapshot
from monitor.core.model.alert import Ack, AlertState, NotificationReason, Silence, SilenceMatcher
from monitor.core.model.events import CommandsRead, CrossRead, IsolatedRead, PricesRead
from monitor.core.rules.index import RuleIndex
from monitor.core.rules.rule import Rule
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_snapshot,
    isolated_snapshot,
    long_pair,
    new_account_state,
    prices,
    sample_prices,
)

LOW = {"name": "low", "scope": "cross", "when": "margin_level < 1.5", "clear": "margin_level > 1.6"}
RUNGS = (
    {"name": "thin", "scope": "cross", "when": "margin_level < 1.5", "ladder": "level", "repeat": "1h"},
    {"name": "near", "scope": "cross", "when": "margin_level < 1.3", "ladder": "level", "severity": "critical"},
    {"name": "end", "scope": "cross", "when": "margin_level < 1.2", "ladder": "level", "severity": "critical"},
)


def rules_of(*tables: Mapping[str, object]) -> tuple[Rule, ...]:
    return parse_rules(tables, "test.toml")


@dataclass
class AccountUnderRules:
    """One account under some rules, evaluated event by event."""

    rules: tuple[Rule, ...]
    state: AccountState = field(
        default_factory=lambda: apply_events(
            new_account_state(), IsolatedRead(IsolatedSnapshot(NOW, NOW, {})), PricesRead(sample_prices())
        )
    )
    audience: ChannelRouting = field(default_factory=lambda: ChannelRouting(("phone", "mail"), {"phone": "pager"}))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def read_at_level(self, level: str, seconds: float) -> Evaluation:
        """Evaluation of a cross account that was just read at `level`."""
        at = after(seconds)
        # One read covers all scopes here, so that no subject becomes stale.
        assert self.state.isolated is not None
        pairs = replace(self.state.isolated, as_of=at)
        self.state = apply_events(self.state, CrossRead(cross_snapshot(at, Decimal(level))), IsolatedRead(pairs), at=at)
        return self.evaluate(seconds)

    def evaluate(self, seconds: float, *only: Subject) -> Evaluation:
        sight = MetricsSnapshot(self.state, SETTINGS, after(seconds))
        figures = sight.get_many(only or sight.subjects)
        found = evaluate_rules(sight, figures, RuleIndex(self.rules, "main"), self.audience, self.numbers.__next__)
        self.state = replace(self.state, alerts=found.open)
        return found


def notification_reasons(judged: Evaluation) -> list[tuple[int, NotificationReason]]:
    return [(notification.alert, notification.reason) for notification in judged.notifications]


def test_firing_alert_is_notified_and_recorded() -> None:
    court = AccountUnderRules(rules_of(LOW))
    assert court.read_at_level("1.7", 0).changed == ()
    found = court.read_at_level("1.4", 10)
    (alert,) = found.changed
    assert (alert.state, alert.summary, alert.value) == (AlertState.FIRING, "margin level 1.40", Decimal("1.4"))
    assert (alert.when, alert.clear) == ("margin_level < 1.5", "margin_level > 1.6")
    assert notification_reasons(found) == [(1, NotificationReason.FIRED)]
    assert [(t.from_state, t.to_state) for t in found.transitions] == [(None, AlertState.FIRING)]


def test_new_value_alone_is_not_recorded() -> None:
    court = AccountUnderRules(rules_of(LOW))
    court.read_at_level("1.4", 0)
    found = court.read_at_level("1.3", 10)
    assert found.changed == () and found.notifications == ()
    (alert,) = found.open.values()
    assert alert.value == Decimal("1.3")


def test_resolved_alert_is_notified_and_closed() -> None:
    court = AccountUnderRules(rules_of(LOW))
    court.read_at_level("1.4", 0)
    court.read_at_level("1.55", 10)
    found = court.read_at_level("1.7", 20)
    assert found.open == {}
    assert found.changed[0].resolved_at == after(20)
    assert notification_reasons(found) == [(1, NotificationReason.RESOLVED)]
    assert found.notifications[0].channels == ("phone", "mail", "pager")


def test_resolution_of_an_unnotified_alert_is_not_notified() -> None:
    court = AccountUnderRules(rules_of(LOW))
    quiet = Silence(1, (SilenceMatcher("rule", "=", "low"),), NOW, after(60), "me", "")
    court.state = replace(court.state, commands=CommandsRead(silences=(quiet,)))
    assert notification_reasons(court.read_at_level("1.4", 0)) == []
    assert notification_reasons(court.read_at_level("1.7", 10)) == []


def test_pending_alert_that_ends_is_recorded_as_inactive() -> None:
    court = AccountUnderRules(rules_of({**LOW, "for": "30s"}))
    court.read_at_level("1.4", 0)
    found = court.read_at_level("1.7", 10)
    assert [alert.state for alert in found.changed] == [AlertState.INACTIVE]
    assert found.open == {} and found.notifications == ()


def test_for_elapses_between_reads_while_the_data_are_fresh() -> None:
    court = AccountUnderRules(rules_of({**LOW, "for": "30s"}))
    court.read_at_level("1.4", 0)
    said = [notification_reasons(court.evaluate(second)) for second in range(1, 31)]
    assert said == [[]] * 29 + [[(1, NotificationReason.FIRED)]]


def test_stale_figures_freeze_an_alert_until_the_next_read() -> None:
    court = AccountUnderRules(rules_of({**LOW, "for": "200s"}))
    court.read_at_level("1.4", 0)
    for second in range(10, 400, 10):
        court.evaluate(second)
    (alert,) = court.state.alerts.values()
    # Data counted for 180 s (stale_after), and the evaluation at 190 s had none.
    assert alert.state is AlertState.PENDING
    assert alert.pending_s == 180
    assert alert.unknown_since == after(190)
    court.read_at_level("1.4", 400)
    court.read_at_level("1.4", 420)
    (alert,) = court.state.alerts.values()
    assert alert.state is AlertState.FIRING


def test_worse_rung_inhibits_milder_ones_until_it_resolves() -> None:
    court = AccountUnderRules(rules_of(*RUNGS))
    assert notification_reasons(court.read_at_level("1.4", 0)) == [(1, NotificationReason.FIRED)]
    assert notification_reasons(court.read_at_level("1.15", 10)) == [(3, NotificationReason.FIRED)]
    inhibited = {key.rule: alert.inhibited_by for key, alert in court.state.alerts.items()}
    assert inhibited == {"thin": 3, "near": 3, "end": None}
    # Back to 1.25: the worst rung resolves, the middle rung was never notified, the mildest stays inhibited.
    found = court.read_at_level("1.25", 20)
    assert sorted(notification_reasons(found)) == [(2, NotificationReason.FIRED), (3, NotificationReason.RESOLVED)]
    assert {key.rule: alert.inhibited_by for key, alert in found.open.items()} == {"thin": 2, "near": None}


def test_ack_of_a_milder_rung_does_not_cover_a_worse_rung() -> None:
    court = AccountUnderRules(rules_of(*RUNGS))
    court.read_at_level("1.4", 0)
    court.state = replace(court.state, commands=CommandsRead(acks=(Ack(1, "me", after(1), "on it"),)))
    assert notification_reasons(court.read_at_level("1.15", 10)) == [(3, NotificationReason.FIRED)]


def test_ack_ends_when_its_alert_resolves() -> None:
    court = AccountUnderRules(rules_of({**LOW, "repeat": "1m"}))
    court.read_at_level("1.4", 0)
    court.state = replace(court.state, commands=CommandsRead(acks=(Ack(1, "me", after(1), "on it"),)))
    (alert,) = court.read_at_level("1.4", 60).changed
    assert alert.acked_by == "me"
    court.read_at_level("1.7", 70)
    court.read_at_level("1.4", 80)
    found = court.read_at_level("1.4", 140)
    assert notification_reasons(found) == [(2, NotificationReason.REMINDED)]


def test_reminders_are_sent_between_reads() -> None:
    court = AccountUnderRules(rules_of({**LOW, "repeat": "1m"}))
    court.read_at_level("1.4", 0)
    said = [(second, notification_reasons(court.evaluate(second))) for second in range(1, 150)]
    assert [(second, each) for second, each in said if each] == [
        (60, [(1, NotificationReason.REMINDED)]),
        (120, [(1, NotificationReason.REMINDED)]),
    ]


def test_alert_of_a_removed_rule_resolves_as_gone() -> None:
    court = AccountUnderRules(rules_of(LOW))
    court.read_at_level("1.4", 0)
    court.rules = ()
    found = court.evaluate(10)
    assert [(a.state, a.gone) for a in found.changed] == [(AlertState.RESOLVED, True)]
    assert [t.note for t in found.transitions] == ["gone"]
    assert found.notifications[0].channels == ("phone", "mail")


def test_alert_outside_the_changed_filter_of_its_rule_resolves_as_gone() -> None:
    court = AccountUnderRules(rules_of(LOW))
    court.read_at_level("1.4", 0)
    court.rules = rules_of({**LOW, "accounts": ["other*"]})
    (alert,) = court.evaluate(10).changed
    assert (alert.state, alert.gone) == (AlertState.RESOLVED, True)


def test_alert_of_a_disabled_pair_resolves_as_gone() -> None:
    court = AccountUnderRules(rules_of({**LOW, "scope": "isolated"}))
    court.state = apply_events(court.state, CrossRead(cross_snapshot()), IsolatedRead(isolated_snapshot()))
    assert notification_reasons(court.evaluate(0)) == [(1, NotificationReason.FIRED)]
    off = replace(long_pair(), enabled=False)
    court.state = apply_events(court.state, IsolatedRead(isolated_snapshot(off, at=after(10))))
    (alert,) = court.evaluate(10).changed
    assert (alert.state, alert.gone, alert.key.subject) == (AlertState.RESOLVED, True, "BTCUSDT")


def test_no_alert_is_gone_before_every_watched_scope_is_read() -> None:
    court = AccountUnderRules(rules_of({**LOW, "scope": "isolated"}))
    court.state = apply_events(court.state, CrossRead(cross_snapshot()), IsolatedRead(isolated_snapshot()))
    alerts = court.evaluate(0).open
    court.state = replace(apply_events(new_account_state(), CrossRead(cross_snapshot())), alerts=alerts)
    assert court.evaluate(1).open.keys() == alerts.keys()


def test_alert_of_a_sold_asset_resolves_as_gone() -> None:
    depeg = {"name": "depeg", "scope": "asset", "when": "peg_deviation < -2%", "severity": "critical"}
    court = AccountUnderRules(rules_of(depeg))
    court.state = apply_events(court.state, PricesRead(prices(USDCUSDT="0.97")))
    held = {"USDC": Balance("USDC", free=Decimal(5))}
    court.state = apply_events(court.state, CrossRead(cross_snapshot(level=Decimal("Infinity"), balances=held)))
    assert notification_reasons(court.evaluate(0)) == [(1, NotificationReason.FIRED)]
    court.state = apply_events(court.state, CrossRead(cross_snapshot(after(1))))
    (alert,) = court.evaluate(1).changed
    assert alert.gone


def test_subject_without_the_metric_is_left_out() -> None:
    depeg = {"name": "depeg", "scope": "asset", "when": "peg_deviation < 1000% or held >= 0"}
    court = AccountUnderRules(rules_of(depeg))
    held = {name: Balance(name, free=Decimal(5)) for name in ("USDC", "BTC", "USDT")}
    court.state = apply_events(court.state, PricesRead(prices(USDCUSDT="0.97")))
    court.state = apply_events(court.state, CrossRead(cross_snapshot(level=Decimal("Infinity"), balances=held)))
    assert {key.subject for key in court.evaluate(0).open} == {"USDC"}


def test_full_repayment_resolves_a_firing_alert() -> None:
    court = AccountUnderRules(rules_of({**LOW, "clear": "distance_to_liquidation > 33%"}))
    court.read_at_level("1.4", 0)
    repaid = cross_snapshot(after(5), Decimal("Infinity"), {"USDT": Balance("USDT", free=Decimal(5))})
    court.state = apply_events(court.state, CrossRead(repaid))
    found = court.evaluate(5)
    assert notification_reasons(found) == [(1, NotificationReason.RESOLVED)]
    assert found.changed[0].value is None


def test_evaluating_some_subjects_leaves_the_others_unchanged() -> None:
    court = AccountUnderRules(rules_of(LOW, {"name": "blind", "scope": "monitor", "when": "data_age > 30s"}))
    court.read_at_level("1.4", 0)
    court.evaluate(31)
    before = dict(court.state.alerts)
    found = court.evaluate(32, ("cross", ""))
    assert found.open.keys() == before.keys()
    untouched = next(key for key in before if key.rule == "blind")
    assert found.open[untouched] is before[untouched]


def add_silence(court: AccountUnderRules, start: float, end: float, rule: str = "low") -> None:
    quiet = Silence(1, (SilenceMatcher("rule", "=", rule),), after(start), after(end), "me", "")
    court.state = replace(court.state, commands=CommandsRead(silences=(quiet,)))


def test_alert_still_firing_when_a_silence_ends_is_notified_then() -> None:
    court = AccountUnderRules(rules_of({**LOW, "repeat": "1h"}))
    assert notification_reasons(court.read_at_level("1.4", 0)) == [(1, NotificationReason.FIRED)]
    add_silence(court, 10, 60)
    said = [notification_reasons(court.evaluate(second)) for second in range(10, 60, 10)]
    assert said == [[]] * 5
    assert notification_reasons(court.evaluate(60)) == [(1, NotificationReason.REMINDED)]
    assert notification_reasons(court.evaluate(70)) == []


def test_alert_that_began_under_a_silence_is_notified_at_its_end_and_escalates_from_there() -> None:
    table = {**LOW, "escalate": [{"after": "1m", "severity": "critical"}]}
    court = AccountUnderRules(rules_of(table))
    add_silence(court, 0, 100)
    assert notification_reasons(court.read_at_level("1.4", 0)) == []
    assert notification_reasons(court.read_at_level("1.4", 99)) == []
    assert notification_reasons(court.read_at_level("1.4", 100)) == [(1, NotificationReason.FIRED)]
    assert notification_reasons(court.read_at_level("1.4", 159)) == []
    assert notification_reasons(court.read_at_level("1.4", 160)) == [(1, NotificationReason.ESCALATED)]


def test_ack_ends_when_a_worse_rung_fires() -> None:
    court = AccountUnderRules(rules_of(*RUNGS))
    court.read_at_level("1.4", 0)
    taken = CommandsRead(acks=(Ack(1, "me", after(1), "on it"),))
    court.state = replace(court.state, commands=taken)
    court.read_at_level("1.4", 2)
    assert {a.acked_by for a in court.state.alerts.values()} == {"me"}
    assert notification_reasons(court.read_at_level("1.25", 10)) == [(2, NotificationReason.FIRED)]
    thin = next(a for key, a in court.state.alerts.items() if key.rule == "thin")
    assert (thin.acked_by, thin.ack_ended_at) == (None, after(10))
    assert sorted(notification_reasons(court.read_at_level("1.4", 20))) == [
        (1, NotificationReason.REMINDED),
        (2, NotificationReason.RESOLVED),
    ]
    # Acknowledged again, it sends nothing again.
    court.state = replace(court.state, commands=CommandsRead(acks=(Ack(1, "me", after(21), "still on it"),)))
    assert notification_reasons(court.read_at_level("1.4", 4000)) == []


def test_ack_given_while_a_worse_rung_fires_stays() -> None:
    court = AccountUnderRules(rules_of(*RUNGS))
    court.read_at_level("1.4", 0)
    court.read_at_level("1.25", 10)
    court.state = replace(court.state, commands=CommandsRead(acks=(Ack(1, "me", after(11), "seen both"),)))
    court.read_at_level("1.25", 12)
    assert notification_reasons(court.read_at_level("1.4", 20)) == [(2, NotificationReason.RESOLVED)]


def test_open_alerts_of_an_unwatched_account_are_gone() -> None:
    court = AccountUnderRules(rules_of(LOW, {**LOW, "name": "slow", "for": "1h"}))
    court.read_at_level("1.4", 0)
    found = close_abandoned(court.state.alerts.values(), court.audience, after(60))
    assert {a.key.rule: (a.state, a.gone) for a in found.changed} == {
        "low": (AlertState.RESOLVED, True),
        "slow": (AlertState.INACTIVE, True),
    }
    assert [(t.to_state, t.note) for t in found.transitions] == [
        (AlertState.RESOLVED, "gone"),
        (AlertState.INACTIVE, "gone"),
    ]
    assert notification_reasons(found) == [(1, NotificationReason.RESOLVED)]
    assert found.notifications[0].channels == ("phone", "mail")
