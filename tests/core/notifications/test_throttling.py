"""What a channel is spared: together as one message, quiet hours, the hourly limit; and what passes all the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.model.alert import Alert, AlertKey, AlertState, MetricScope, Reason, Severity
from monitor.core.notifications.outbox import Delivery, Heard, Told
from monitor.core.notifications.quiet_hours import QuietHours, Span
from monitor.core.notifications.throttling import (
    Due,
    Restraint,
    Rungs,
    Wait,
    gathered,
    notice_over_limit,
    over_limit,
    quiet_until,
    ripe_at,
)
from tests.support.examples.accounts import NOW, after

LEVEL = Rungs({"thin": ("level", 1), "near": ("level", 2), "end": ("level", 3)})
NIGHT = Restraint(QuietHours((Span(19 * 60, 22 * 60),), UTC))
"""NOW is at 20:00."""


def due(
    number: int,
    reason: Reason = Reason.FIRED,
    severity: Severity = "warning",
    *,
    rule: str = "low",
    subject: str = "",
    account: str = "main",
    seconds: float = 0,
    attempts: int = 0,
) -> Due:
    scope: MetricScope = "isolated" if subject else "cross"
    state = AlertState.RESOLVED if reason is Reason.RESOLVED else AlertState.FIRING
    alert = Alert(number, AlertKey(rule, account, scope, subject), state, severity, NOW, "w", "c", "s")
    at = after(seconds)
    return Due(Delivery(number, "phone", number, reason, severity, at, at, attempts=attempts), alert, reason)


def heard(one: Due, severity: Severity | None = None) -> Heard:
    """What the channel knows once it was told this."""
    told = Told(one.alert.id, "phone", one.alert.state, severity or one.alert.severity, NOW)
    return Heard(told, one.alert.key)


def test_pairs_that_cross_together_are_one_message_with_the_worst_first() -> None:
    pairs = [due(n, subject=f"A{n}USDT") for n in range(1, 5)]
    worst = due(9, severity="critical", subject="BTCUSDT")
    assert gathered([*pairs, worst]) == [(worst, *pairs)]


def test_accounts_and_kinds_of_news_are_told_apart_and_critical_first() -> None:
    calm, other = due(1), due(2, account="other")
    over, bad = due(3, Reason.RESOLVED), due(4, severity="critical", account="other")
    assert gathered([calm, other, over, bad]) == [(bad, other), (calm,), (over,)]


def test_critical_never_waits_and_others_less_than_five_seconds() -> None:
    first, second = (replace(one, alert=replace(one.alert, fired_at=NOW)) for one in (due(1), due(2, seconds=2)))
    ripe = ripe_at((first, second))
    assert NOW < ripe < after(5)
    # What replaced the first word of it does not put it off: else a short repeat would for ever.
    assert ripe_at((replace(first, delivery=second.delivery),)) == ripe
    assert ripe_at((first, due(3, severity="critical", seconds=1))) == NOW
    assert ripe_at((due(4, attempts=1),)) == NOW


@pytest.mark.parametrize("severity", ["info", "warning"])
def test_quiet_hours_hold_back_what_is_not_critical(severity: Severity) -> None:
    assert quiet_until(severity, NIGHT, NOW) == Wait(datetime(2025, 10, 10, 22, tzinfo=UTC), "quiet hours")
    assert quiet_until("critical", NIGHT, NOW) is None
    assert quiet_until(severity, Restraint(), NOW) is None
    assert quiet_until(severity, NIGHT, after(7200)) is None


def test_beyond_the_limit_a_message_waits_until_one_is_an_hour_old() -> None:
    sent = [after(-3000), after(-2000), after(-1000)]
    limit = Restraint(max_per_hour=3)
    assert over_limit((due(1),), (), sent, LEVEL, limit, NOW) == Wait(after(600), "3 messages in the last hour")
    assert over_limit((due(1),), (), sent, LEVEL, limit, after(600)) is None
    assert over_limit((due(1),), (), sent, LEVEL, Restraint(), NOW) is None
    assert notice_over_limit("warning", sent, limit, NOW) == Wait(after(600), "3 messages in the last hour")
    assert notice_over_limit("critical", sent, limit, NOW) is None


def test_a_worse_rung_passes_at_once_and_the_same_or_a_milder_one_does_not() -> None:
    full, limit = [after(-n) for n in range(5)], Restraint(max_per_hour=5)
    knows = [heard(due(2, rule="near"))]
    assert over_limit((due(3, rule="end"),), knows, full, LEVEL, limit, NOW) is None
    for known in ("near", "thin"):
        assert over_limit((due(4, rule=known),), knows, full, LEVEL, limit, NOW) is not None
    elsewhere = due(5, rule="thin", subject="BTCUSDT")
    assert over_limit((elsewhere,), knows, full, LEVEL, limit, NOW) is None
    assert over_limit((due(4, rule="thin"), elsewhere), knows, full, LEVEL, limit, NOW) is None


def test_what_is_critical_or_has_become_so_passes_at_once() -> None:
    full, limit = [after(-n) for n in range(5)], Restraint(max_per_hour=5)
    assert over_limit((due(1, severity="critical"),), (), full, LEVEL, limit, NOW) is None
    escalated = due(1, Reason.ESCALATED, "critical")
    assert over_limit((escalated,), [heard(due(1))], full, LEVEL, limit, NOW) is None
    reminder = due(1, Reason.REMINDED, "critical")
    assert over_limit((reminder,), [heard(due(1), "critical")], full, LEVEL, limit, NOW) is not None


@pytest.mark.parametrize("limit", [2, 3, 10])
@pytest.mark.parametrize(("rule", "severity"), [("thin", "info"), ("low", "warning"), ("low", "critical")])
def test_flapping_never_exceeds_the_limit_and_the_channel_ends_with_the_truth(
    limit: int, rule: str, severity: Severity
) -> None:
    restraint, sent = Restraint(max_per_hour=limit), list[datetime]()
    believes: Heard | None = None
    waiting: list[Due] = []
    for step in range(300):
        now = NOW + step * timedelta(minutes=1)
        if step < 200:
            reason = Reason.FIRED if step % 2 == 0 else Reason.RESOLVED
            new = due(1000 + step // 2, reason, severity, rule=rule)
            # Of one alert the newest news alone matters; of one that ended untold nothing does.
            was_told = believes is not None and believes.told.alert == new.alert.id
            waiting = [one for one in waiting if one.alert.id != new.alert.id]
            if reason is Reason.FIRED or was_told:
                waiting.append(new)
        recent = [at for at in sent if at > now - timedelta(hours=1)]
        for group in gathered(waiting):
            knows = [believes] if believes is not None else []
            if over_limit(group, knows, recent, LEVEL, restraint, now) is None:
                sent.append(now)
                recent.append(now)
                believes = heard(group[0])
                waiting = [one for one in waiting if one not in group]
        assert len([at for at in sent if at > now - timedelta(hours=1)]) <= limit
    assert len(sent) > limit
    assert believes is not None and believes.told.state is AlertState.RESOLVED and waiting == []


def test_a_limit_of_one_still_tells_the_end() -> None:
    over = due(1, Reason.RESOLVED, "critical")
    knows = [heard(replace(over, alert=replace(over.alert, state=AlertState.FIRING)))]
    assert over_limit((over,), knows, [NOW], LEVEL, Restraint(max_per_hour=1), after(60)) == Wait(
        after(3600), "1 messages in the last hour"
    )
    assert over_limit((over,), knows, [NOW], LEVEL, Restraint(max_per_hour=1), after(3600)) is None
