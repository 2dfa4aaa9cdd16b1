"""Life cycle of one alert, evaluation by evaluation, and over arbitrary sequences of findings."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alerting.lifecycle import (
    MAX_EVALUATION_GAP,
    AlertChange,
    ChannelRouting,
    active_silence,
    advance,
    close_as_gone,
    find_inhibitor,
    find_worst_firing,
    next_notification,
    with_ack,
)
from monitor.core.model.alert import (
    Ack,
    Alert,
    AlertKey,
    AlertState,
    Notification,
    NotificationReason,
    Severity,
    Silence,
    SilenceMatcher,
)
from monitor.core.model.metric import MissingValue
from monitor.core.rules.parser import parse_condition
from monitor.core.rules.rule import EscalationStep, Finding, Rule
from tests.support.examples.accounts import NOW, after

KEY = AlertKey("low", "main", "cross")
UNKNOWN = MissingValue.UNAVAILABLE
HOLDS = Finding(True, False, Decimal("1.4"))
CLEARS = Finding(False, True, Decimal("1.7"))
BETWEEN = Finding(False, False, Decimal("1.55"))
"""Finding of a condition that neither holds nor clears."""
NO_DATA = Finding(UNKNOWN, UNKNOWN, None)
CHANNELS = ChannelRouting(("phone", "mail"), {"phone": "pager"})


def rule(**fields: object) -> Rule:
    condition = parse_condition("margin_level < 1.5", ["cross"])
    return replace(Rule(name="low", scopes=("cross",), when=condition), **fields)  # type: ignore[arg-type]


@dataclass
class AlertRun:
    """One rule and subject, evaluated repeatedly."""

    rule: Rule = field(default_factory=rule)
    alert: Alert | None = None
    states: list[AlertState] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def evaluate(self, finding: Finding, seconds: float) -> Alert | None:
        return self.evaluate_at(finding, after(seconds))

    def evaluate_at(self, finding: Finding, now: datetime) -> Alert | None:
        change: AlertChange = advance(self.rule, KEY, self.alert, finding, "summary", now, self.numbers.__next__)
        if change.transition is not None:
            self.states.append(change.transition.to_state)
        ended = change.alert is not None and change.alert.state not in (AlertState.PENDING, AlertState.FIRING)
        self.alert = None if ended else change.alert
        return change.alert

    def state(self) -> AlertState | None:
        return self.alert.state if self.alert is not None else None


class TestFor:
    def test_without_for_it_fires_at_once(self) -> None:
        life = AlertRun()
        found = life.evaluate(HOLDS, 0)
        assert found is not None and found.fired_at == NOW
        assert life.states == [AlertState.FIRING]

    def test_it_fires_when_the_condition_held_for_long_enough(self) -> None:
        life = AlertRun(rule(for_s=Decimal(30)))
        for second in range(30):
            life.evaluate(HOLDS, second)
        assert life.state() is AlertState.PENDING
        found = life.evaluate(HOLDS, 30)
        assert found is not None and (found.fired_at, found.since) == (after(30), NOW)
        assert life.states == [AlertState.PENDING, AlertState.FIRING]

    def test_waiting_time_restarts_when_the_condition_ends(self) -> None:
        life = AlertRun(rule(for_s=Decimal(30)))
        for finding, second in ((HOLDS, 0), (HOLDS, 29), (BETWEEN, 29.5), (HOLDS, 30), (HOLDS, 59)):
            life.evaluate(finding, second)
        assert life.states == [AlertState.PENDING, AlertState.INACTIVE, AlertState.PENDING]
        assert life.alert is not None and life.alert.id == 2

    def test_time_without_data_neither_counts_nor_resets(self) -> None:
        life = AlertRun(rule(for_s=Decimal(30)))
        for finding, second in ((HOLDS, 0), (HOLDS, 20), (NO_DATA, 25), (NO_DATA, 500), (HOLDS, 600), (HOLDS, 609)):
            life.evaluate(finding, second)
        # 20 s before the gap, 9 s after it.
        assert life.alert is not None and life.alert.pending_s == 29
        assert life.state() is AlertState.PENDING
        life.evaluate(HOLDS, 610)
        assert life.state() is AlertState.FIRING

    def test_alert_knows_since_when_its_data_are_missing(self) -> None:
        life = AlertRun()
        life.evaluate(HOLDS, 0)
        for second in (10, 20):
            found = life.evaluate(NO_DATA, second)
            assert found is not None and found.unknown_since == after(10)
        found = life.evaluate(HOLDS, 30)
        assert found is not None and found.unknown_since is None

    def test_time_of_a_stopped_process_does_not_count(self) -> None:
        life = AlertRun(rule(for_s=Decimal(900)))
        life.evaluate(HOLDS, 0)
        life.evaluate(HOLDS, 3_600)
        assert life.alert is not None and life.alert.pending_s == MAX_EVALUATION_GAP.total_seconds()

    def test_clock_set_back_does_not_reduce_the_elapsed_time(self) -> None:
        life = AlertRun(rule(for_s=Decimal(30)))
        for second in (0, 20, 10):
            life.evaluate(HOLDS, second)
        assert life.alert is not None and life.alert.pending_s == 20

    def test_nothing_begins_without_data(self) -> None:
        life = AlertRun()
        assert life.evaluate(NO_DATA, 0) is None
        assert life.evaluate(BETWEEN, 1) is None
        assert not life.states


class TestClear:
    def test_it_fires_on_until_it_clears(self) -> None:
        life = AlertRun()
        for finding, second in ((HOLDS, 0), (BETWEEN, 10), (HOLDS, 20), (BETWEEN, 30)):
            life.evaluate(finding, second)
        assert life.state() is AlertState.FIRING
        found = life.evaluate(CLEARS, 40)
        assert found is not None and found.state is AlertState.RESOLVED and found.resolved_at == after(40)
        assert life.states == [AlertState.FIRING, AlertState.RESOLVED]

    def test_pending_alert_needs_no_clearing(self) -> None:
        life = AlertRun(rule(for_s=Decimal(30)))
        life.evaluate(HOLDS, 0)
        life.evaluate(Finding(False, UNKNOWN, Decimal(2)), 1)
        assert life.states == [AlertState.PENDING, AlertState.INACTIVE]

    def test_it_never_resolves_while_unknown(self) -> None:
        life = AlertRun()
        life.evaluate(HOLDS, 0)
        for second, finding in enumerate((NO_DATA, Finding(False, UNKNOWN, Decimal(2)), NO_DATA)):
            life.evaluate(finding, second)
        assert life.state() is AlertState.FIRING
        assert life.alert is not None and life.alert.unknown_since is not None

    def test_keep_firing_for_delays_the_resolution(self) -> None:
        life = AlertRun(rule(keep_firing_for_s=Decimal(60)))
        for finding, second in ((HOLDS, 0), (CLEARS, 10), (CLEARS, 69)):
            life.evaluate(finding, second)
        assert life.state() is AlertState.FIRING
        life.evaluate(CLEARS, 70)
        assert life.states[-1] is AlertState.RESOLVED

    @pytest.mark.parametrize("back", [HOLDS, BETWEEN])
    def test_keep_firing_for_restarts_when_the_alert_stops_clearing(self, back: Finding) -> None:
        life = AlertRun(rule(keep_firing_for_s=Decimal(60)))
        for finding, second in ((HOLDS, 0), (CLEARS, 10), (back, 60), (CLEARS, 65), (CLEARS, 124)):
            life.evaluate(finding, second)
        assert life.state() is AlertState.FIRING
        life.evaluate(CLEARS, 125)
        assert life.state() is None

    def test_keep_firing_for_pauses_without_data(self) -> None:
        life = AlertRun(rule(keep_firing_for_s=Decimal(60)))
        # Clear for 20 s, without data from then until 200, clear again: 40 s are left.
        for finding, second in ((HOLDS, 0), (CLEARS, 10), (CLEARS, 30), (NO_DATA, 40), (NO_DATA, 190), (CLEARS, 200)):
            life.evaluate(finding, second)
        life.evaluate(CLEARS, 239)
        assert life.state() is AlertState.FIRING
        life.evaluate(CLEARS, 240)
        assert life.state() is None

    def test_keep_firing_for_continues_while_only_clear_is_unknown(self) -> None:
        life = AlertRun(rule(keep_firing_for_s=Decimal(60)))
        unclear = Finding(False, UNKNOWN, Decimal(2))
        for finding, second in ((HOLDS, 0), (CLEARS, 10), (CLEARS, 50), (unclear, 51), (CLEARS, 52)):
            life.evaluate(finding, second)
        # 40 s before, and 20 s from 52 on.
        life.evaluate(CLEARS, 71)
        assert life.state() is AlertState.FIRING
        life.evaluate(CLEARS, 72)
        assert life.state() is None

    def test_new_episode_has_a_new_number(self) -> None:
        life = AlertRun()
        first = life.evaluate(HOLDS, 0)
        life.evaluate(CLEARS, 1)
        second = life.evaluate(HOLDS, 2)
        assert first is not None and second is not None and first.id != second.id

    def test_subject_without_the_metric_is_gone_and_not_resolved_by_its_value(self) -> None:
        life = AlertRun()
        life.evaluate(HOLDS, 0)
        missing = MissingValue.NOT_APPLICABLE
        found = life.evaluate(Finding(missing, missing, None), 5)
        assert found is not None and found.state is AlertState.RESOLVED and found.gone
        assert life.evaluate(Finding(missing, missing, None), 6) is None

    def test_pending_alert_of_a_gone_subject_ends_without_having_fired(self) -> None:
        life = AlertRun(rule(for_s=Decimal(30)))
        life.evaluate(HOLDS, 0)
        assert life.alert is not None
        change = close_as_gone(life.alert, after(1))
        assert change.alert is not None and change.alert.state is AlertState.INACTIVE

    def test_infinite_value_is_kept_as_none(self) -> None:
        life = AlertRun()
        life.evaluate(HOLDS, 0)
        found = life.evaluate(Finding(False, False, Decimal("Infinity")), 1)
        assert found is not None and found.value is None


def firing(number: int = 1, name: str = "low", fired: float = 0, severity: Severity = "warning") -> Alert:
    return Alert(
        number,
        AlertKey(name, "main", "cross"),
        AlertState.FIRING,
        severity,
        since=after(fired),
        when="w",
        clear="c",
        summary="s",
        fired_at=after(fired),
        labels={"team": "me"},
    )


@dataclass
class NotificationRun:
    """Notifications of one alert while it fires."""

    rule: Rule
    alert: Alert = field(default_factory=firing)
    said: list[tuple[float, NotificationReason]] = field(default_factory=list)

    def at(self, seconds: float) -> Notification | None:
        self.alert, notification = next_notification(self.alert, self.rule, CHANNELS, after(seconds))
        if notification is not None:
            self.said.append((seconds, notification.reason))
        return notification


class TestNotifications:
    def test_firing_alert_is_notified_once_and_then_reminded(self) -> None:
        story = NotificationRun(rule(repeat_s=Decimal(300)))
        for second in range(0, 700, 10):
            story.at(second)
        assert story.said == [
            (0, NotificationReason.FIRED),
            (300, NotificationReason.REMINDED),
            (600, NotificationReason.REMINDED),
        ]

    def test_all_channels_are_notified_unless_the_rule_names_some(self) -> None:
        found = NotificationRun(rule()).at(0)
        assert found is not None and found.channels == ("phone", "mail")
        found = NotificationRun(rule(channels=("mail",))).at(0)
        assert found is not None and found.channels == ("mail",)

    def test_unanswered_alert_escalates_step_by_step(self) -> None:
        steps = (EscalationStep(Decimal(300), "critical"), EscalationStep(Decimal(600), None, ("call",)))
        story = NotificationRun(rule(repeat_s=Decimal(3_600), channels=("mail",), escalate=steps))
        story.at(0)
        first, second = story.at(300), story.at(600)
        assert first is not None and (first.reason, first.severity) == (NotificationReason.ESCALATED, "critical")
        assert first.channels == ("mail",)
        assert second is not None and second.channels == ("mail", "call") and second.severity == "critical"
        assert [reason for _, reason in story.said] == [
            NotificationReason.FIRED,
            NotificationReason.ESCALATED,
            NotificationReason.ESCALATED,
        ]

    def test_raised_severity_and_channels_stay_for_reminders(self) -> None:
        steps = (EscalationStep(Decimal(300), "critical", ("call",)),)
        story = NotificationRun(rule(repeat_s=Decimal(600), channels=("mail",), escalate=steps))
        for second in (0, 300):
            story.at(second)
        story.alert = replace(story.alert, acked_by="me", acked_at=after(310))
        assert story.at(900) is None
        assert story.alert.severity == "critical"
        story.alert = replace(story.alert, acked_by=None, acked_at=None)
        found = story.at(900)
        assert found is not None and (found.severity, found.channels) == ("critical", ("mail", "call"))

    def test_milder_rule_after_a_reload_does_not_lower_an_open_alert(self) -> None:
        story = NotificationRun(rule(severity="info"), firing(severity="critical"))
        found = story.at(0)
        assert found is not None and found.severity == "critical"

    def test_fallback_channels_are_notified_by_an_escalation_step(self) -> None:
        story = NotificationRun(rule(escalate=(EscalationStep(Decimal(180), fallbacks=True),)))
        story.at(0)
        found = story.at(180)
        assert found is not None and found.channels == ("phone", "mail", "pager")

    def test_ack_stops_reminders_and_escalation(self) -> None:
        story = NotificationRun(rule(repeat_s=Decimal(60), escalate=(EscalationStep(Decimal(300), "critical"),)))
        story.at(0)
        story.alert = with_ack(story.alert, {1: Ack(1, "me", after(10), "on it")})
        assert (story.alert.acked_by, story.alert.ack_comment) == ("me", "on it")
        for second in (60, 300, 3_600):
            assert story.at(second) is None

    def test_ack_of_another_episode_changes_nothing(self) -> None:
        assert with_ack(firing(2), {1: Ack(1, "me", NOW, "")}).acked_by is None

    @pytest.mark.parametrize("quiet", ["silenced_by", "inhibited_by"])
    def test_alert_still_firing_is_notified_when_inhibition_ends(self, quiet: str) -> None:
        story = NotificationRun(rule(repeat_s=Decimal(60)))
        story.alert = replace(story.alert, **{quiet: 5})  # type: ignore[arg-type]  # both are numbers
        for second in (0, 60, 600):
            assert story.at(second) is None
        story.alert = replace(story.alert, **{quiet: None})  # type: ignore[arg-type]
        story.at(610)
        assert story.said == [(610, NotificationReason.FIRED)]

    def test_no_notification_without_data(self) -> None:
        story = NotificationRun(rule(repeat_s=Decimal(60), escalate=(EscalationStep(Decimal(120), "critical"),)))
        story.at(0)
        story.alert = replace(story.alert, unknown_since=after(30))
        assert story.at(60) is story.at(120) is None
        story.alert = replace(story.alert, unknown_since=None)
        story.at(121)
        assert story.said == [(0, NotificationReason.FIRED), (121, NotificationReason.ESCALATED)]

    def test_pending_alert_is_not_notified(self) -> None:
        story = NotificationRun(rule(), replace(firing(), state=AlertState.PENDING))
        assert story.at(0) is None

    def test_resolution_is_notified_to_all_notified_channels_and_their_fallbacks(self) -> None:
        steps = (EscalationStep(Decimal(60), None, ("call",)),)
        quiet = rule(channels=("phone",), escalate=steps)
        assert CHANNELS.possible_recipients(quiet, 0) == ("phone", "pager")
        assert CHANNELS.possible_recipients(quiet, 1) == ("phone", "call", "pager")
        assert CHANNELS.possible_recipients(None, 1) == ("phone", "mail")


def silence(*matchers: SilenceMatcher, include_critical: bool = False) -> Silence:
    return Silence(8, matchers, NOW, after(60), "me", "upgrade", include_critical)


class TestSilence:
    @pytest.mark.parametrize(
        ("matcher", "fits"),
        [
            (SilenceMatcher("rule", "=", "low"), True),
            (SilenceMatcher("rule", "=", "lo"), False),
            (SilenceMatcher("rule", "!=", "low"), False),
            (SilenceMatcher("rule", "=~", "l.w|high"), True),
            (SilenceMatcher("rule", "=~", "lo"), False),
            (SilenceMatcher("rule", "!~", "lo"), True),
            (SilenceMatcher("team", "=", "me"), True),
            (SilenceMatcher("team", "=", ""), False),
            (SilenceMatcher("symbol", "=", ""), True),
            (SilenceMatcher("severity", "=", "warning"), True),
        ],
    )
    def test_matchers_compare_whole_labels(self, matcher: SilenceMatcher, fits: bool) -> None:
        assert (active_silence(firing(), (silence(matcher),), NOW) == 8) is fits

    @pytest.mark.parametrize("operator", ["=~", "!~"])
    def test_matcher_that_cannot_be_read_silences_nothing(self, operator: Literal["=~", "!~"]) -> None:
        assert active_silence(firing(), (silence(SilenceMatcher("rule", operator, "(?!low)")),), NOW) is None

    def test_every_matcher_must_fit(self) -> None:
        both = silence(SilenceMatcher("rule", "=", "low"), SilenceMatcher("account", "=", "other"))
        assert active_silence(firing(), (both,), NOW) is None

    def test_it_holds_from_its_start_until_before_its_end(self) -> None:
        each = silence(SilenceMatcher("rule", "=", "low"))
        assert [active_silence(firing(), (each,), after(s)) for s in (-1, 0, 59, 60)] == [None, 8, 8, None]

    def test_critical_alert_is_not_silenced_by_default(self) -> None:
        matcher = SilenceMatcher("rule", "=", "low")
        critical = firing(severity="critical")
        assert active_silence(critical, (silence(matcher),), NOW) is None
        assert active_silence(critical, (silence(matcher, include_critical=True),), NOW) == 8

    def test_pair_and_asset_are_matched_by_their_own_label(self) -> None:
        pair = replace(firing(), key=AlertKey("low", "main", "isolated", "BTCUSDT"))
        assert active_silence(pair, (silence(SilenceMatcher("symbol", "=~", "BTC.*")),), NOW) == 8
        assert active_silence(pair, (silence(SilenceMatcher("asset", "=~", "BTC.*")),), NOW) is None


class TestLadder:
    def test_worst_firing_rung_inhibits_all_milder_ones(self) -> None:
        rungs = [rule(name=name, ladder="level", rung=rung) for rung, name in enumerate(("a", "b", "c"), 1)]
        # The worst rung has the lowest number: it fired first.
        alerts = [firing(number, each.name) for number, each in zip((7, 9, 3), rungs, strict=True)]
        worst = find_worst_firing(zip(alerts, rungs, strict=True))
        assert [find_inhibitor(a, r, worst) for a, r in zip(alerts, rungs, strict=True)] == [3, 3, None]

    def test_other_ladders_and_other_subjects_inhibit_nothing(self) -> None:
        mild = rule(name="a", ladder="level", rung=1)
        other_ladder = rule(name="b", ladder="depeg", rung=2)
        elsewhere = replace(firing(3), key=AlertKey("c", "main", "isolated", "BTCUSDT"))
        worst = find_worst_firing([(firing(2, "b"), other_ladder), (elsewhere, rule(name="c", ladder="level", rung=3))])
        assert find_inhibitor(firing(1, "a"), mild, worst) is None
        assert find_inhibitor(firing(1, "x"), rule(name="x"), worst) is None


FINDINGS = st.sampled_from([HOLDS, HOLDS, BETWEEN, CLEARS, NO_DATA, Finding(False, UNKNOWN, Decimal(2))])
EVALUATIONS = st.lists(st.tuples(FINDINGS, st.integers(0, 250)), max_size=60)
SPANS = st.integers(0, 300).map(Decimal)


@given(EVALUATIONS, SPANS, SPANS, st.integers(1, 400).map(Decimal))
def test_any_sequence_of_evaluations_obeys_the_invariants(
    looks: list[tuple[Finding, int]], for_s: Decimal, keep_s: Decimal, repeat_s: Decimal
) -> None:
    life = AlertRun(rule(for_s=for_s, keep_firing_for_s=keep_s, repeat_s=repeat_s))
    now = NOW
    held, clear = timedelta(0), timedelta(0)
    last: Finding | None = None
    numbers: list[int] = []
    said: dict[tuple[int, NotificationReason], datetime] = {}
    for finding, seconds in looks:
        span, now = timedelta(seconds=seconds), now + timedelta(seconds=seconds)
        before = life.alert
        known = _known(finding, before) and (last is None or _known(last, before))
        if finding.holds is True:
            held = (
                held + min(span, MAX_EVALUATION_GAP) * known
                if last is not None and before is not None
                else timedelta(0)
            )
            clear = timedelta(0)
        elif finding.clears is True and before is not None and before.state is AlertState.FIRING:
            going_on = last is not None and before.clear_since is not None
            clear = clear + min(span, MAX_EVALUATION_GAP) * known if going_on else timedelta(0)
        elif _known(finding, before):
            clear = timedelta(0)
        after_look = life.evaluate_at(finding, now)
        if after_look is not None and (before is None or before.id != after_look.id):
            assert after_look.id not in numbers
            numbers.append(after_look.id)
        was = before.state if before is not None else None
        became = after_look.state if after_look is not None else None
        if became is AlertState.FIRING and was is not AlertState.FIRING:
            assert finding.holds is True
            assert held >= timedelta(seconds=int(for_s))
        if became is AlertState.PENDING:
            assert held < timedelta(seconds=int(for_s)) or finding.holds is not True
        if became is AlertState.RESOLVED:
            assert finding.clears is True
            assert clear >= timedelta(seconds=int(keep_s))
        if life.alert is not None:
            life.alert, notification = next_notification(life.alert, life.rule, CHANNELS, now)
            if notification is not None:
                about = (life.alert.id, notification.reason)
                assert about not in said or now - said[about] >= timedelta(seconds=int(repeat_s))
                assert life.alert.unknown_since is None
                said[about] = now
        last = finding


def _known(finding: Finding, alert: Alert | None) -> bool:
    """Return whether a finding is known: for a firing alert it must be known whether the condition clears."""
    is_firing = alert is not None and alert.state is AlertState.FIRING
    return finding.holds is not UNKNOWN and not (is_firing and finding.clears is UNKNOWN)
