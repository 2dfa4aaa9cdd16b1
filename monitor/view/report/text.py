"""The report as text: first the items that need attention, then everything, in lines that fit a phone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.numbers.durations import span_text
from monitor.view.formatting import (
    INFINITY_SIGN,
    UNKNOWN,
    format_amount,
    format_level,
    format_needed_amount,
    format_percent,
    format_timestamp,
    format_usdt,
)
from monitor.view.json_values import Document, parse_json_decimal
from monitor.view.past.past_days import past_days_text, scope_subject
from monitor.view.report.attention import attention_items, format_report_time, format_time_range, scope_label
from monitor.view.terminal.interest import interest_lines
from monitor.view.terminal.table import SEVERITY_TONES, Cell

MAX_LINES_PER_SECTION = 12
"""Limit of lines in a section; further ones are counted."""

_ACTION_WORDS = {
    "repay": "repaid",
    "transfer_in": "brought in",
    "reduce": "bought back",
    "cancel_orders": "cancelled orders on",
}
_TRADE_KIND = "trade"


@dataclass(frozen=True, slots=True)
class ReportSection:
    """Lines under a heading."""

    title: str
    lines: Sequence[Cell]


def report_headline(document: Document) -> str:
    """The headline: the number of items that need attention, and the least distance of any scope from liquidation."""
    found = len(attention_items(document))
    look = "nothing to look at" if not found else "1 thing to look at" if found == 1 else f"{found} things to look at"
    scopes = [
        (parse_json_decimal(entry["nearest"]["distance_to_liquidation"]), account["account"], entry)
        for account in document["accounts"]
        for entry in account["scopes"]
        if entry["nearest"] is not None
    ]
    span = span_text(Decimal(str(document["span_s"])))
    first = f"report on {span}: {look}"
    if not scopes:
        return first
    distance, account, entry = min(scopes, key=lambda row: (row[0] is None, row[0]))
    low = (
        ""
        if entry["lowest"] is None
        else f"lowest recorded level {format_level(parse_json_decimal(entry['lowest']['margin_level']))}, "
    )
    return f"{first}; {scope_label(account, entry)} {low}at its nearest {format_percent(distance)} from liquidation"


def report_sections(document: Document) -> list[ReportSection]:
    """All sections of the report, the items that need attention first."""
    found = attention_items(document)
    return [
        ReportSection("To look at", found or [Cell("nothing: all was seen, nothing fired, nothing is open", "good")]),
        ReportSection("Levels", list(_levels(document)) or [Cell("nothing is watched or known yet", "note")]),
        ReportSection("Interest", _interest(document["interest"])),
        ReportSection("Alerts", _alerts(document["alerts"])),
        ReportSection("Actions", _actions(document["actions"])),
        ReportSection("What moved", _movement_lines(document["movements"])),
        ReportSection("Health", list(_health(document["health"], document["since"], document["until"]))),
        ReportSection("Kept quiet now", _silence_lines(document["quiet"])),
        ReportSection("Audit trail", [_audit_head_line(document["audit_head"])]),
    ]


def report_text(document: Document) -> str:
    """The report as plain text. Its first line is the headline."""
    lines = [report_headline(document), f"{report_period(document)}; times are UTC"]
    for section in report_sections(document):
        lines += ["", section.title.upper(), *(cell.text for cell in section.lines)]
    return "\n".join(lines) + "\n"


def report_period(document: Document) -> str:
    """Start and end of the report's time span."""
    return f"from {format_timestamp(document['since'])} to {format_timestamp(document['until'])}"


def level_lines(account: str, entry: Document) -> list[Cell]:
    """Past and present level of one scope."""
    if entry["state"] == "unavailable" or entry["as_of"] is None:
        lines = [Cell(f"{scope_label(account, entry)}: nothing is known now", "bad")]
    else:
        age = span_text(Decimal(str(entry["age_s"])))
        stale = ", STALE" if entry["state"] == "stale" else ""
        level = "nothing owed" if entry["state"] == "no_debt" else _level(entry["margin_level"])
        away = "" if entry["distance_to_liquidation"] is None else f", {_percent(entry)} from liquidation"
        lines = [
            Cell(f"{scope_label(account, entry)}: {level} now ({age} old{stale}){away}", "bad" if stale else "strong")
        ]
    if entry["lowest"] is not None:
        lowest, nearest = entry["lowest"], entry["nearest"]
        near = "" if nearest is None else f"; nearest {_percent(nearest)}, {format_report_time(nearest['at'])}"
        lines.append(
            Cell(f"  lowest recorded {_level(lowest['margin_level'])}, {format_report_time(lowest['at'])}{near}")
        )
    if entry["liabilities_usdt"] is not None:
        change = Decimal(entry["liabilities_change_usdt"])
        moved = "unchanged" if not change else f"{'+' if change > 0 else ''}{format_usdt(change)}"
        owed = format_usdt(Decimal(entry["liabilities_usdt"]))
        lines.append(Cell(f"  owes {owed}, {moved} since {format_report_time(entry['liabilities_since'])}"))
    if entry["past_day"] is not None and entry["as_of"] is not None:
        past, now = entry["past_day"], datetime.fromisoformat(entry["as_of"])
        text = past_days_text(past, scope_subject(entry["scope"]), now)
        lines.append(Cell(f"  {text}", "note" if past["days_liquidated"] else ""))
    lines += [Cell(f"  no figures {format_time_range(gap)}", "bad") for gap in entry["unknown"][:MAX_LINES_PER_SECTION]]
    return lines


def _levels(document: Document) -> Iterator[Cell]:
    for account in document["accounts"]:
        if not account["scopes"]:
            yield Cell(f"{account['account']}: nothing is recorded of it", "bad")
        for entry in account["scopes"]:
            yield from level_lines(account["account"], entry)


def _interest(document: Document) -> list[Cell]:
    lines = interest_lines(document)
    lines += _limit_cells(
        Cell(
            f"  {scope_label(item['account'], item)}: {format_amount(Decimal(item['interest']))} "
            f"{item['asset']}, {item['charges']} charge{'' if item['charges'] == 1 else 's'}"
        )
        for item in document["items"]
    )
    lines += _limit_cells(
        Cell(
            f"  rate of {rate['asset']} in {scope_label(rate['account'], rate)}: "
            f"{Decimal(rate['hourly']) * 100:.6f} % an hour, {format_percent(Decimal(rate['annual']))} a year"
        )
        for rate in document["rates"]
    )
    return lines


def _alerts(alerts: Sequence[Document]) -> list[Cell]:
    if not alerts:
        return [Cell("none fired", "good")]
    return _limit_cells(map(_alert, alerts))


def _alert(alert: Document) -> Cell:
    is_open = alert["state"] == "firing"
    span = span_text(Decimal(str(alert["lasted_s"])))
    how_long = f"fires for {span}" if is_open else f"lasted {span}"
    about = f"{alert['account'] or 'daemon'} {alert['subject'] or alert['scope']}"
    said = f"#{alert['id']} {alert['severity']} {about}: {alert['summary']} ({alert['rule']})"
    missed = f"; not told: {', '.join(alert['undelivered'])}" if alert["undelivered"] else ""
    tone = SEVERITY_TONES[alert["severity"]] if is_open or missed else ""
    return Cell(f"{said}; since {format_report_time(alert['fired_at'])}, {how_long}{missed}", tone)


def _actions(document: Document) -> list[Cell]:
    lines = [Cell(_moved_text(moved), "strong") for moved in document["moved"]]
    lines += _limit_cells(map(_action, document["items"]))
    lines += _limit_cells(
        Cell(f"{stop['account']}: a limit stopped live actions {format_time_range(stop)}", "bad")
        for stop in document["stopped"]
    )
    lines += _limit_cells(
        Cell(
            f"not done now: {stop['action']} in {scope_label(stop['account'], stop)}: {stop['why']}",
            "bad" if stop["by_limit"] else "",
        )
        for stop in document["stopped_now"]
    )
    return lines or [Cell("none was decided on", "good")]


def _moved_text(moved: Document) -> str:
    kind = _ACTION_WORDS.get(moved["kind"], moved["kind"].replace("_", " "))
    times = f", {moved['count']} times" if moved["count"] > 1 else ""
    return f"{scope_label(moved['account'], moved)}: {kind} {_amount(moved)}{times}"


def _action(action: Document) -> Cell:
    about = scope_label(action["account"], action)
    open_ = action["state"] in ("UNRESOLVED", "UNCERTAIN")
    why = f": {action['evidence']}" if action["evidence"] else ""
    words = f"  {action['state']} {action['action']} {_amount(action)} in {about} (R-{action['id']}, {action['mode']})"
    return Cell(f"{words}, {format_report_time(action['created_at'])}{why}", "bad" if open_ else "")


def _movement_lines(movements: Sequence[Document]) -> list[Cell]:
    """Transfers, forced orders, and changes by others or the exchange; trades are counted."""
    told = [movement for movement in movements if movement["kind"] != "capital-flow" or _is_listed(movement)]
    trades = sum(movement["count"] for movement in movements if movement["origin"] == _TRADE_KIND)
    lines = _limit_cells(map(_movement_text, told))
    if trades:
        lines.append(Cell(f"{trades} entries of the ledger are of trades"))
    return lines or [Cell("nothing that is recorded")]


def _is_listed(movement: Document) -> bool:
    # Transfers have rows of their own, and our own movements are listed with the actions.
    return movement["origin"] not in (_TRADE_KIND, "ours") and movement["type"] != "TRANSFER"


def _movement_text(movement: Document) -> Cell:
    about = scope_label(movement["account"], movement)
    times = f" in {movement['count']}" if movement["count"] > 1 else ""
    words = {"ROLL_IN": "brought in", "ROLL_OUT": "taken out"}.get(movement["type"], movement["type"])
    what = f"{format_amount(Decimal(movement['amount']))} {movement['asset']}"
    if movement["kind"] == "liquidation":
        return Cell(f"{about}: LIQUIDATION, {words} {what}{times}, {format_report_time(movement['last_at'])}", "bad")
    failed = ", FAILED" if movement["status"] == "FAILED" else ""
    return Cell(
        f"{about}: {words} {what}{times}, by {movement['origin']}{failed}, {format_report_time(movement['last_at'])}"
    )


def _health(document: Document, since: str, until: str) -> Iterator[Cell]:
    starts = document["starts"]
    yield Cell("the daemon was not restarted" if not starts else f"the daemon was started {_times_text(starts)}")
    if document["watched_since"] is None or document["watched_since"] > since:
        yield Cell(f"no daemon is remembered before {format_report_time(document['watched_since'] or until)}", "note")
    yield from _limit_cells(Cell(f"no daemon ran {format_time_range(gap)}", "bad") for gap in document["down"])
    yield from _limit_cells(
        Cell(f"{gap['account']}: not all streams were connected {format_time_range(gap)}", "note")
        for gap in document["disconnected"]
    )
    yield from _limit_cells(
        Cell(
            f"{failure['account']}: reading {failure['read']} failed {_times_text(failure['count'])}, "
            f"last {format_report_time(failure['last_at'])}: {failure['cause']}",
            "note",
        )
        for failure in document["failed_reads"]
    )
    if document["rejected_events"]:
        yield Cell(f"{document['rejected_events']} events could not be read (`events --type rejected`)", "note")
    for channel in document["channels"]:
        parts = [f"{channel['sent']} sent"]
        parts += [f"failed {_times_text(channel['failed'])}, last: {channel['answer']}"] if channel["failed"] else []
        parts += [f"{channel['waiting']} waiting"] if channel["waiting"] else []
        parts += [f"given up: {', '.join(channel['given_up'])}"] if channel["given_up"] else []
        yield Cell(f"channel {channel['channel']}: {', '.join(parts)}", "bad" if channel["given_up"] else "")
    for clock in document["clock"]:
        worst = (
            UNKNOWN
            if clock["offset_s"] is None
            else f"{Decimal(clock['offset_s']):.3f} s, {format_report_time(clock['at'])}"
        )
        yield Cell(f"{clock['account']}: clock furthest off the exchange's: {worst}")
    for weight in document["weight"]:
        most = (
            UNKNOWN
            if weight["used"] is None
            else f"{format_percent(Decimal(weight['used']))}, {format_report_time(weight['at'])}"
        )
        yield Cell(f"{weight['account']}: most of the request limits used: {most}")


def _silence_lines(document: Document) -> list[Cell]:
    lines = []
    if document["paused"] is not None:
        lines.append(
            Cell(
                f"actions: paused by {document['paused']['by']}, {format_report_time(document['paused']['at'])}", "note"
            )
        )
    if document["pause_file"]:
        lines.append(Cell("actions: paused, the pause file is there", "note"))
    lines += _limit_cells(
        Cell(
            f"silence {silence['id']} by {silence['author']} until {format_report_time(silence['ends_at'])}: "
            f"{', '.join(m['name'] + m['op'] + m['value'] for m in silence['matchers'])}; {silence['comment']}"
            + ("; critical too" if silence["include_critical"] else ""),
            "note",
        )
        for silence in document["silences"]
    )
    return lines or [Cell("nothing is silenced or paused", "good")]


def _audit_head_line(head: str | None) -> Cell:
    if head is None:
        return Cell("it is empty: somebody emptied it")
    return Cell(f"ends at {head}; what was cut off later shows `margin-monitor actions verify --head {head}`")


def _limit_cells(cells: Iterable[Cell]) -> list[Cell]:
    lines = list(cells)
    rest = len(lines) - MAX_LINES_PER_SECTION
    return lines if rest <= 0 else [*lines[:MAX_LINES_PER_SECTION], Cell(f"  … and {rest} more", "dim")]


def _times_text(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _amount(movement: Document) -> str:
    amount = Decimal(movement["amount"])
    return format_needed_amount(amount, movement["asset"]) if amount else movement["asset"]


def _level(text: str | None) -> str:
    return f"level {format_level(Decimal(text))}" if text is not None else f"level {INFINITY_SIGN}"


def _percent(entry: Document) -> str:
    return format_percent(Decimal(entry["distance_to_liquidation"]))
