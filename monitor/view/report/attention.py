"""The items of a report that need attention, the worst first; missing figures are among them."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from monitor.core.numbers.durations import span_text, to_seconds
from monitor.view.formatting import UNKNOWN, format_percent
from monitor.view.json_values import Document
from monitor.view.terminal.status_notes import delisting_cells, rule_stop_cells
from monitor.view.terminal.table import SEVERITY_TONES, Cell

MIN_CLOCK_OFFSET_S = Decimal(1)
"""Seconds: a request this much ahead of the exchange's clock would be refused."""

HIGH_WEIGHT_USE = Decimal("0.8")
"""Share of the request limits."""

MAX_RESTART_S = Decimal(60)
"""Seconds: a gap as short as a restart is listed in the report, but needs no attention."""


def attention_items(document: Document) -> list[Cell]:
    """One line for each item; empty when there is none."""
    return [
        *_action_items(document),
        *_alert_items(document),
        *_missing_data_items(document),
        *delisting_cells(document["accounts"]),
        *_channel_items(document["health"]),
        *_limit_items(document),
    ]


def scope_label(account: str, entry: Document) -> str:
    """The account and the scope in words."""
    return f"{account} {entry['symbol'] or entry['scope']}"


def format_report_time(text: str | None) -> str:
    """A time in the report: month, day, minute."""
    return UNKNOWN if text is None else f"{text[5:10]} {text[11:16]}"


def format_time_range(gap: Document) -> str:
    """Start, end and length of a time range."""
    since, until = format_report_time(gap["since"]), format_report_time(gap["until"])
    return f"between {since} and {until} ({span_text(range_seconds(gap))})"


def range_seconds(gap: Document) -> Decimal:
    """The length of a time range in seconds."""
    return to_seconds(datetime.fromisoformat(gap["until"]) - datetime.fromisoformat(gap["since"]))


def _action_items(document: Document) -> Iterator[Cell]:
    for number in document["actions"]["unresolved"]:
        yield Cell(f"R-{number}: what became of it is not certain; see `margin-monitor actions show {number}`", "bad")
    yield from rule_stop_cells(document["actions"]["rules_stopped"])
    for number in document["actions"]["unasked"]:
        yield Cell(f"R-{number}: no channel took the question in time, and nothing was sent", "bad")
    for movement in document["movements"]:
        if movement["kind"] == "liquidation":
            label, at = scope_label(movement["account"], movement), format_report_time(movement["last_at"])
            yield Cell(f"{label}: the exchange liquidated, {at}", "bad")
    now = [action for action in document["actions"]["stopped_now"] if action["by_limit"]]
    for action in now:
        yield Cell(f"{action['action']} in {scope_label(action['account'], action)} is stopped: {action['why']}", "bad")
    before = {action["account"] for action in document["actions"]["stopped"]} - {action["account"] for action in now}
    for account in sorted(before):
        yield Cell(f"{account}: live actions that an alert wanted were stopped by a limit", "bad")


def _alert_items(document: Document) -> Iterator[Cell]:
    alerts = document["alerts"]
    for alert in alerts:
        if alert["state"] == "firing":
            about = f"{alert['account'] or 'daemon'} {alert['subject'] or alert['scope']}"
            yield Cell(
                f"#{alert['id']} {alert['severity']} fires: {about}: {alert['summary']}",
                SEVERITY_TONES[alert["severity"]],
            )
    over = sum(alert["state"] != "firing" and alert["severity"] == "critical" for alert in alerts)
    if over:
        yield Cell(f"{over} critical alert{'' if over == 1 else 's'} fired and ended", "note")
    for alert in alerts:
        if alert["undelivered"]:
            yield Cell(f"#{alert['id']} {alert['severity']} was not told to {', '.join(alert['undelivered'])}", "bad")


def _missing_data_items(document: Document) -> Iterator[Cell]:
    if not document["daemon"]["running"]:
        yield Cell("no daemon is running: nothing is watched", "bad")
    for account in document["accounts"]:
        if account["state"] == "key_refused":
            yield Cell(f"{account['account']}: the exchange refuses the key", "bad")
        elif account["state"] in ("stale", "unknown"):
            yield Cell(f"{account['account']}: what is known is {account['state']}", "bad")
        for entry in account["scopes"]:
            gaps = [gap for gap in entry["unknown"] if range_seconds(gap) > MAX_RESTART_S]
            if gaps:
                longest = max(gaps, key=range_seconds)
                more = (
                    ""
                    if len(gaps) == 1
                    else ", and once more"
                    if len(gaps) == 2
                    else f", and {len(gaps) - 1} times more"
                )
                yield Cell(
                    f"{scope_label(account['account'], entry)}: no figures {format_time_range(longest)}{more}", "bad"
                )
    for gap in document["health"]["down"]:
        if range_seconds(gap) > MAX_RESTART_S:
            yield Cell(f"no daemon ran {format_time_range(gap)}", "bad")


def _channel_items(health: Document) -> Iterator[Cell]:
    for channel in health["channels"]:
        if channel["given_up"]:
            yield Cell(f"channel {channel['channel']} never got {', '.join(channel['given_up'])}", "bad")
        elif channel["failed"] and not channel["sent"]:
            yield Cell(f"channel {channel['channel']} took nothing: {channel['answer']}", "bad")


def _limit_items(document: Document) -> Iterator[Cell]:
    quiet, health = document["quiet"], document["health"]
    if quiet["paused"] is not None or quiet["pause_file"]:
        yield Cell("actions are paused: nothing is sent", "note")
    for clock in health["clock"]:
        if clock["offset_s"] is not None and abs(Decimal(clock["offset_s"])) >= MIN_CLOCK_OFFSET_S:
            yield Cell(
                f"{clock['account']}: the clock was {Decimal(clock['offset_s']):.1f} s off the exchange's", "note"
            )
    for weight in health["weight"]:
        if weight["used"] is not None and Decimal(weight["used"]) >= HIGH_WEIGHT_USE:
            yield Cell(
                f"{weight['account']}: {format_percent(Decimal(weight['used']))} of the request limits were used",
                "note",
            )
    if health["banned_until"] is not None:
        yield Cell(f"the exchange banned this address until {format_report_time(health['banned_until'])}", "bad")
