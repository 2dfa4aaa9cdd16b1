"""Rules over measured subjects: what begins, what ends, who is told."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from monitor.core.alerting.evaluation import Judged, abandoned, judge
from monitor.core.alerting.lifecycle import Audience
from monitor.core.metrics.snapshot import Sight, Subject
from monitor.core.model.account import Balance, IsolatedSnapshot
from monitor.core.model.alert import AlertState, Reason
from monitor.core.model.events import Ack, CrossRead, IsolatedRead, Matcher, OperatorRead, PricesRead, Silence
from monitor.core.rules.index import Docket
from monitor.core.rules.rule import Rule, parse_rules
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    cross,
    isolated,
    long_pair,
    prices,
    sample_prices,
    started,
    told,
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
class Court:
    """One account under some rules, judged event by event."""

    rules: tuple[Rule, ...]
    state: AccountState = field(
        default_factory=lambda: told(
            started(), IsolatedRead(IsolatedSnapshot(NOW, NOW, {})), PricesRead(sample_prices())
        )
    )
    audience: Audience = field(default_factory=lambda: Audience(("phone", "mail"), {"phone": "pager"}))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def level(self, level: str, seconds: float) -> Judged:
        """The verdict on a cross account that was just read at `level`."""
        at = after(seconds)
        # One read tells of all scopes here, so that no subject goes stale.
        assert self.state.isolated is not None
        pairs = replace(self.state.isolated, as_of=at)
        self.state = told(self.state, CrossRead(cross(at, Decimal(level))), IsolatedRead(pairs), at=at)
        return self.look(seconds)

    def look(self, seconds: float, *only: Subject) -> Judged:
        sight = Sight(self.state, SETTINGS, after(seconds))
        figures = sight.all_of(only or sight.subjects)
        found = judge(sight, figures, Docket(self.rules, "main"), self.audience, self.numbers.__next__)
        self.state = replace(self.state, alerts=found.open)
        return found


def reasons(judged: Judged) -> list[tuple[int, Reason]]:
    return [(each.alert, each.reason) for each in judged.notifications]


def test_alert_fires_is_told_and_is_remembered() -> None:
    court = Court(rules_of(LOW))
    assert court.level("1.7", 0).changed == ()
    found = court.level("1.4", 10)
    (alert,) = found.changed
    assert (alert.state, alert.summary, alert.value) == (AlertState.FIRING, "margin level 1.40", Decimal("1.4"))
    assert (alert.when, alert.clear) == ("margin_level < 1.5", "margin_level > 1.6")
    assert reasons(found) == [(1, Reason.FIRED)]
    assert [(t.from_state, t.to_state) for t in found.transitions] == [(None, AlertState.FIRING)]


def test_new_value_alone_is_no_story() -> None:
    court = Court(rules_of(LOW))
    court.level("1.4", 0)
    found = court.level("1.3", 10)
    assert found.changed == () and found.notifications == ()
    (alert,) = found.open.values()
    assert alert.value == Decimal("1.3")


def test_resolved_alert_is_told_and_not_open_any_more() -> None:
    court = Court(rules_of(LOW))
    court.level("1.4", 0)
    court.level("1.55", 10)
    found = court.level("1.7", 20)
    assert found.open == {}
    assert found.changed[0].resolved_at == after(20)
    assert reasons(found) == [(1, Reason.RESOLVED)]
    assert found.notifications[0].channels == ("phone", "mail", "pager")


def test_end_of_what_nobody_was_told_is_not_told() -> None:
    court = Court(rules_of(LOW))
    quiet = Silence(1, (Matcher("rule", "=", "low"),), NOW, after(60), "me", "")
    court.state = replace(court.state, operator=OperatorRead(silences=(quiet,)))
    assert reasons(court.level("1.4", 0)) == []
    assert reasons(court.level("1.7", 10)) == []


def test_pending_alert_that_ends_is_remembered_as_inactive() -> None:
    court = Court(rules_of({**LOW, "for": "30s"}))
    court.level("1.4", 0)
    found = court.level("1.7", 10)
    assert [alert.state for alert in found.changed] == [AlertState.INACTIVE]
    assert found.open == {} and found.notifications == ()


def test_for_elapses_between_reads_while_the_data_are_fresh() -> None:
    court = Court(rules_of({**LOW, "for": "30s"}))
    court.level("1.4", 0)
    said = [reasons(court.look(second)) for second in range(1, 31)]
    assert said == [[]] * 29 + [[(1, Reason.FIRED)]]


def test_stale_figures_freeze_an_alert_until_the_next_read() -> None:
    court = Court(rules_of({**LOW, "for": "200s"}))
    court.level("1.4", 0)
    for second in range(10, 400, 10):
        court.look(second)
    (alert,) = court.state.alerts.values()
    # 180 s were believed (stale_after), the look at 190 s had none.
    assert alert.state is AlertState.PENDING
    assert alert.pending_s == 180
    assert alert.unknown_since == after(190)
    court.level("1.4", 400)
    court.level("1.4", 420)
    (alert,) = court.state.alerts.values()
    assert alert.state is AlertState.FIRING


def test_worse_rung_quiets_the_milder_and_what_still_fires_is_told_after_it() -> None:
    court = Court(rules_of(*RUNGS))
    assert reasons(court.level("1.4", 0)) == [(1, Reason.FIRED)]
    assert reasons(court.level("1.15", 10)) == [(3, Reason.FIRED)]
    inhibited = {key.rule: alert.inhibited_by for key, alert in court.state.alerts.items()}
    assert inhibited == {"thin": 3, "near": 3, "end": None}
    # Back to 1.25: the end is over, the middle rung had never been told, the mildest stays inhibited.
    found = court.level("1.25", 20)
    assert sorted(reasons(found)) == [(2, Reason.FIRED), (3, Reason.RESOLVED)]
    assert {key.rule: alert.inhibited_by for key, alert in found.open.items()} == {"thin": 2, "near": None}


def test_ack_of_a_milder_rung_does_not_cover_the_worse() -> None:
    court = Court(rules_of(*RUNGS))
    court.level("1.4", 0)
    court.state = replace(court.state, operator=OperatorRead(acks=(Ack(1, "me", after(1), "on it"),)))
    assert reasons(court.level("1.15", 10)) == [(3, Reason.FIRED)]


def test_ack_ends_with_its_episode() -> None:
    court = Court(rules_of({**LOW, "repeat": "1m"}))
    court.level("1.4", 0)
    court.state = replace(court.state, operator=OperatorRead(acks=(Ack(1, "me", after(1), "on it"),)))
    (alert,) = court.level("1.4", 60).changed
    assert alert.acked_by == "me"
    court.level("1.7", 70)
    court.level("1.4", 80)
    found = court.level("1.4", 140)
    assert reasons(found) == [(2, Reason.REMINDED)]


def test_reminders_come_between_reads() -> None:
    court = Court(rules_of({**LOW, "repeat": "1m"}))
    court.level("1.4", 0)
    said = [(second, reasons(court.look(second))) for second in range(1, 150)]
    assert [(second, each) for second, each in said if each] == [
        (60, [(1, Reason.REMINDED)]),
        (120, [(1, Reason.REMINDED)]),
    ]


def test_alert_of_a_rule_that_is_gone_resolves_as_gone() -> None:
    court = Court(rules_of(LOW))
    court.level("1.4", 0)
    court.rules = ()
    found = court.look(10)
    assert [(a.state, a.gone) for a in found.changed] == [(AlertState.RESOLVED, True)]
    assert [t.note for t in found.transitions] == ["gone"]
    assert found.notifications[0].channels == ("phone", "mail")


def test_alert_of_a_rule_that_looks_elsewhere_now_resolves_as_gone() -> None:
    court = Court(rules_of(LOW))
    court.level("1.4", 0)
    court.rules = rules_of({**LOW, "accounts": ["other*"]})
    (alert,) = court.look(10).changed
    assert (alert.state, alert.gone) == (AlertState.RESOLVED, True)


def test_alert_of_a_pair_that_is_gone_resolves_as_gone() -> None:
    court = Court(rules_of({**LOW, "scope": "isolated"}))
    court.state = told(court.state, CrossRead(cross()), IsolatedRead(isolated()))
    assert reasons(court.look(0)) == [(1, Reason.FIRED)]
    off = replace(long_pair(), enabled=False)
    court.state = told(court.state, IsolatedRead(isolated(off, at=after(10))))
    (alert,) = court.look(10).changed
    assert (alert.state, alert.gone, alert.key.subject) == (AlertState.RESOLVED, True, "BTCUSDT")


def test_nothing_is_gone_before_every_watched_scope_was_read() -> None:
    court = Court(rules_of({**LOW, "scope": "isolated"}))
    court.state = told(court.state, CrossRead(cross()), IsolatedRead(isolated()))
    alerts = court.look(0).open
    court.state = replace(told(started(), CrossRead(cross())), alerts=alerts)
    assert court.look(1).open.keys() == alerts.keys()


def test_asset_that_was_sold_is_gone() -> None:
    depeg = {"name": "depeg", "scope": "asset", "when": "peg_deviation < -2%", "severity": "critical"}
    court = Court(rules_of(depeg))
    court.state = told(court.state, PricesRead(prices(USDCUSDT="0.97")))
    held = {"USDC": Balance("USDC", free=Decimal(5))}
    court.state = told(court.state, CrossRead(cross(level=Decimal("Infinity"), balances=held)))
    assert reasons(court.look(0)) == [(1, Reason.FIRED)]
    court.state = told(court.state, CrossRead(cross(after(1))))
    (alert,) = court.look(1).changed
    assert alert.gone


def test_metric_that_does_not_apply_leaves_the_subject_out() -> None:
    depeg = {"name": "depeg", "scope": "asset", "when": "peg_deviation < 1000% or held >= 0"}
    court = Court(rules_of(depeg))
    held = {name: Balance(name, free=Decimal(5)) for name in ("USDC", "BTC", "USDT")}
    court.state = told(court.state, PricesRead(prices(USDCUSDT="0.97")))
    court.state = told(court.state, CrossRead(cross(level=Decimal("Infinity"), balances=held)))
    assert {key.subject for key in court.look(0).open} == {"USDC"}


def test_repaying_everything_resolves_what_fired() -> None:
    court = Court(rules_of({**LOW, "clear": "distance_to_liquidation > 33%"}))
    court.level("1.4", 0)
    repaid = cross(after(5), Decimal("Infinity"), {"USDT": Balance("USDT", free=Decimal(5))})
    court.state = told(court.state, CrossRead(repaid))
    found = court.look(5)
    assert reasons(found) == [(1, Reason.RESOLVED)]
    assert found.changed[0].value is None


def test_looking_at_some_subjects_leaves_the_others_alone() -> None:
    court = Court(rules_of(LOW, {"name": "blind", "scope": "monitor", "when": "data_age > 30s"}))
    court.level("1.4", 0)
    court.look(31)
    before = dict(court.state.alerts)
    found = court.look(32, ("cross", ""))
    assert found.open.keys() == before.keys()
    untouched = next(key for key in before if key.rule == "blind")
    assert found.open[untouched] is before[untouched]


def silenced(court: Court, start: float, end: float, rule: str = "low") -> None:
    quiet = Silence(1, (Matcher("rule", "=", rule),), after(start), after(end), "me", "")
    court.state = replace(court.state, operator=OperatorRead(silences=(quiet,)))


def test_what_still_fires_when_a_silence_ends_is_told_then() -> None:
    court = Court(rules_of({**LOW, "repeat": "1h"}))
    assert reasons(court.level("1.4", 0)) == [(1, Reason.FIRED)]
    silenced(court, 10, 60)
    said = [reasons(court.look(second)) for second in range(10, 60, 10)]
    assert said == [[]] * 5
    assert reasons(court.look(60)) == [(1, Reason.REMINDED)]
    assert reasons(court.look(70)) == []


def test_what_began_under_a_silence_is_told_at_its_end_and_escalates_from_there() -> None:
    table = {**LOW, "escalate": [{"after": "1m", "severity": "critical"}]}
    court = Court(rules_of(table))
    silenced(court, 0, 100)
    assert reasons(court.level("1.4", 0)) == []
    assert reasons(court.level("1.4", 99)) == []
    assert reasons(court.level("1.4", 100)) == [(1, Reason.FIRED)]
    assert reasons(court.level("1.4", 159)) == []
    assert reasons(court.level("1.4", 160)) == [(1, Reason.ESCALATED)]


def test_an_ack_ends_when_a_worse_rung_begins_and_what_still_fires_is_told_after_it() -> None:
    court = Court(rules_of(*RUNGS))
    court.level("1.4", 0)
    taken = OperatorRead(acks=(Ack(1, "me", after(1), "on it"),))
    court.state = replace(court.state, operator=taken)
    court.level("1.4", 2)
    assert {a.acked_by for a in court.state.alerts.values()} == {"me"}
    assert reasons(court.level("1.25", 10)) == [(2, Reason.FIRED)]
    thin = next(a for key, a in court.state.alerts.items() if key.rule == "thin")
    assert (thin.acked_by, thin.ack_ended_at) == (None, after(10))
    assert sorted(reasons(court.level("1.4", 20))) == [(1, Reason.REMINDED), (2, Reason.RESOLVED)]
    # Taken again, it is quiet again.
    court.state = replace(court.state, operator=OperatorRead(acks=(Ack(1, "me", after(21), "still on it"),)))
    assert reasons(court.level("1.4", 4000)) == []


def test_an_ack_given_while_the_worse_rung_fires_stays() -> None:
    court = Court(rules_of(*RUNGS))
    court.level("1.4", 0)
    court.level("1.25", 10)
    court.state = replace(court.state, operator=OperatorRead(acks=(Ack(1, "me", after(11), "seen both"),)))
    court.level("1.25", 12)
    assert reasons(court.level("1.4", 20)) == [(2, Reason.RESOLVED)]


def test_open_alerts_of_an_account_that_is_not_watched_any_more_are_gone() -> None:
    court = Court(rules_of(LOW, {**LOW, "name": "slow", "for": "1h"}))
    court.level("1.4", 0)
    found = abandoned(court.state.alerts.values(), court.audience, after(60))
    assert {a.key.rule: (a.state, a.gone) for a in found.changed} == {
        "low": (AlertState.RESOLVED, True),
        "slow": (AlertState.INACTIVE, True),
    }
    assert [(t.to_state, t.note) for t in found.transitions] == [
        (AlertState.RESOLVED, "gone"),
        (AlertState.INACTIVE, "gone"),
    ]
    assert reasons(found) == [(1, Reason.RESOLVED)]
    assert found.notifications[0].channels == ("phone", "mail")
