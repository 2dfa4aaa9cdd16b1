"""A report as people read it: what to look at first, then everything, in lines that fit a phone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from monitor.core.numbers.durations import span_text
from monitor.view.formatting import (
    INFINITY_SIGN,
    UNKNOWN,
    amount_text,
    level_text,
    money_text,
    needed_text,
    percent_text,
    stamp_text,
)
from monitor.view.json_values import Document, number
from monitor.view.report.attention import attention, clock_text, label, stretch_text
from monitor.view.terminal.interest import interest_lines
from monitor.view.terminal.table import SEVERITY_TONES, Cell

MOST = 12
"""So many lines of one kind; the rest is counted."""

_DONE = {
    "repay": "repaid",
    "transfer_in": "brought in",
    "reduce": "bought back",
    "cancel_orders": "cancelled orders on",
}
_TRADES = "trade"


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a heading."""

    title: str
    lines: Sequence[Cell]


def headline(document: Document) -> str:
    """What a glance shows: how much there is to look at, and how near the nearest scope came to its end."""
    found = len(attention(document))
    look = "nothing to look at" if not found else "1 thing to look at" if found == 1 else f"{found} things to look at"
    scopes = [
        (number(entry["nearest"]["distance_to_liquidation"]), account["account"], entry)
        for account in document["accounts"]
        for entry in account["scopes"]
        if entry["nearest"] is not None
    ]
    span = span_text(Decimal(str(document["span_s"])))
    first = f"report on {span}: {look}"
    if not scopes:
        return first
    distance, account, entry = min(scopes, key=lambda one: (one[0] is None, one[0]))
    low = (
        ""
        if entry["lowest"] is None
        else f"lowest recorded level {level_text(number(entry['lowest']['margin_level']))}, "
    )
    return f"{first}; {label(account, entry)} {low}at its nearest {percent_text(distance)} from liquidation"


def sections(document: Document) -> list[Section]:
    """Everything, what to look at first."""
    found = attention(document)
    return [
        Section("To look at", found or [Cell("nothing: all was seen, nothing fired, nothing is open", "good")]),
        Section("Levels", list(_levels(document)) or [Cell("nothing is watched or known yet", "note")]),
        Section("Interest", _interest(document["interest"])),
        Section("Alerts", _alerts(document["alerts"])),
        Section("Actions", _actions(document["actions"])),
        Section("What moved", _moved(document["movements"])),
        Section("Health", list(_health(document["health"], document["since"], document["until"]))),
        Section("Kept quiet now", _quiet(document["quiet"])),
        Section("Audit trail", [_head(document["audit_head"])]),
    ]


def report_text(document: Document) -> str:
    """The report as plain text. Its first line is the headline."""
    lines = [headline(document), f"{period(document)}; times are UTC"]
    for section in sections(document):
        lines += ["", section.title.upper(), *(cell.text for cell in section.lines)]
    return "\n".join(lines) + "\n"


def period(document: Document) -> str:
    """From when to when."""
    return f"from {stamp_text(document['since'])} to {stamp_text(document['until'])}"


def level_lines(account: str, entry: Document) -> list[Cell]:
    """What was and is with one scope."""
    if entry["state"] == "unavailable" or entry["as_of"] is None:
        lines = [Cell(f"{label(account, entry)}: nothing is known now", "bad")]
    else:
        age = span_text(Decimal(str(entry["age_s"])))
        stale = ", STALE" if entry["state"] == "stale" else ""
        level = "nothing owed" if entry["state"] == "no_debt" else _level(entry["margin_level"])
        away = "" if entry["distance_to_liquidation"] is None else f", {_percent(entry)} from liquidation"
        lines = [Cell(f"{label(account, entry)}: {level} now ({age} old{stale}){away}", "bad" if stale else "strong")]
    if entry["lowest"] is not None:
        lowest, nearest = entry["lowest"], entry["nearest"]
        near = "" if nearest is None else f"; nearest {_percent(nearest)}, {clock_text(nearest['at'])}"
        lines.append(Cell(f"  lowest recorded {_level(lowest['margin_level'])}, {clock_text(lowest['at'])}{near}"))
    if entry["liabilities_usdt"] is not None:
        change = Decimal(entry["liabilities_change_usdt"])
        moved = "unchanged" if not change else f"{'+' if change > 0 else ''}{money_text(change)}"
        owed = money_text(Decimal(entry["liabilities_usdt"]))
        lines.append(Cell(f"  owes {owed}, {moved} since {clock_text(entry['liabilities_since'])}"))
    lines += [Cell(f"  no figures {stretch_text(gap)}", "bad") for gap in entry["unknown"][:MOST]]
    return lines


def _levels(document: Document) -> Iterator[Cell]:
    for account in document["accounts"]:
        if not account["scopes"]:
            yield Cell(f"{account['account']}: nothing is recorded of it", "bad")
        for entry in account["scopes"]:
            yield from level_lines(account["account"], entry)


def _interest(document: Document) -> list[Cell]:
    lines = interest_lines(document)
    lines += _most(
        Cell(
            f"  {label(item['account'], item)}: {amount_text(Decimal(item['interest']))} "
            f"{item['asset']}, {item['charges']} charge{'' if item['charges'] == 1 else 's'}"
        )
        for item in document["items"]
    )
    lines += _most(
        Cell(
            f"  rate of {rate['asset']} in {label(rate['account'], rate)}: "
            f"{Decimal(rate['hourly']) * 100:.6f} % an hour, {percent_text(Decimal(rate['annual']))} a year"
        )
        for rate in document["rates"]
    )
    return lines


def _alerts(alerts: Sequence[Document]) -> list[Cell]:
    if not alerts:
        return [Cell("none fired", "good")]
    return _most(map(_alert, alerts))


def _alert(alert: Document) -> Cell:
    is_open = alert["state"] == "firing"
    span = span_text(Decimal(str(alert["lasted_s"])))
    how_long = f"fires for {span}" if is_open else f"lasted {span}"
    about = f"{alert['account'] or 'daemon'} {alert['subject'] or alert['scope']}"
    said = f"#{alert['id']} {alert['severity']} {about}: {alert['summary']} ({alert['rule']})"
    missed = f"; not told: {', '.join(alert['undelivered'])}" if alert["undelivered"] else ""
    tone = SEVERITY_TONES[alert["severity"]] if is_open or missed else ""
    return Cell(f"{said}; since {clock_text(alert['fired_at'])}, {how_long}{missed}", tone)


def _actions(document: Document) -> list[Cell]:
    lines = [
        Cell(
            f"{label(one['account'], one)}: {_DONE.get(one['kind'], one['kind'].replace('_', ' '))} {_amount(one)}"
            + (f", {one['count']} times" if one["count"] > 1 else ""),
            "strong",
        )
        for one in document["moved"]
    ]
    lines += _most(map(_action, document["items"]))
    lines += _most(
        Cell(f"{one['account']}: a limit stopped live actions {stretch_text(one)}", "bad")
        for one in document["stopped"]
    )
    lines += _most(
        Cell(
            f"not done now: {one['action']} in {label(one['account'], one)}: {one['why']}",
            "bad" if one["by_limit"] else "",
        )
        for one in document["stopped_now"]
    )
    return lines or [Cell("none was decided on", "good")]


def _action(action: Document) -> Cell:
    about = label(action["account"], action)
    open_ = action["state"] in ("UNRESOLVED", "UNCERTAIN")
    why = f": {action['evidence']}" if action["evidence"] else ""
    words = f"  {action['state']} {action['action']} {_amount(action)} in {about} (R-{action['id']}, {action['mode']})"
    return Cell(f"{words}, {clock_text(action['created_at'])}{why}", "bad" if open_ else "")


def _moved(movements: Sequence[Document]) -> list[Cell]:
    """Transfers, forced orders, and what others or the exchange did; trades are counted."""
    told = [one for one in movements if one["kind"] != "capital-flow" or _is_told(one)]
    trades = sum(one["count"] for one in movements if one["origin"] == _TRADES)
    lines = _most(map(_movement, told))
    if trades:
        lines.append(Cell(f"{trades} entries of the ledger are of trades"))
    return lines or [Cell("nothing that is recorded")]


def _is_told(one: Document) -> bool:
    # Transfers have rows of their own, and what is ours stands with the actions.
    return one["origin"] not in (_TRADES, "ours") and one["type"] != "TRANSFER"


def _movement(one: Document) -> Cell:
    about = label(one["account"], one)
    times = f" in {one['count']}" if one["count"] > 1 else ""
    words = {"ROLL_IN": "brought in", "ROLL_OUT": "taken out"}.get(one["type"], one["type"])
    what = f"{amount_text(Decimal(one['amount']))} {one['asset']}"
    if one["kind"] == "liquidation":
        return Cell(f"{about}: LIQUIDATION, {words} {what}{times}, {clock_text(one['last_at'])}", "bad")
    failed = ", FAILED" if one["status"] == "FAILED" else ""
    return Cell(f"{about}: {words} {what}{times}, by {one['origin']}{failed}, {clock_text(one['last_at'])}")


def _health(document: Document, since: str, until: str) -> Iterator[Cell]:
    starts = document["starts"]
    yield Cell("the daemon was not restarted" if not starts else f"the daemon was started {_times(starts)}")
    if document["watched_since"] is None or document["watched_since"] > since:
        yield Cell(f"no daemon is remembered before {clock_text(document['watched_since'] or until)}", "note")
    yield from _most(Cell(f"no daemon ran {stretch_text(gap)}", "bad") for gap in document["down"])
    yield from _most(
        Cell(f"{gap['account']}: not all streams were connected {stretch_text(gap)}", "note")
        for gap in document["disconnected"]
    )
    yield from _most(
        Cell(
            f"{one['account']}: reading {one['read']} failed {_times(one['count'])}, "
            f"last {clock_text(one['last_at'])}: {one['cause']}",
            "note",
        )
        for one in document["failed_reads"]
    )
    if document["rejected_events"]:
        yield Cell(f"{document['rejected_events']} events could not be read (`events --type rejected`)", "note")
    for one in document["channels"]:
        parts = [f"{one['sent']} sent"]
        parts += [f"failed {_times(one['failed'])}, last: {one['answer']}"] if one["failed"] else []
        parts += [f"{one['waiting']} waiting"] if one["waiting"] else []
        parts += [f"given up: {', '.join(one['given_up'])}"] if one["given_up"] else []
        yield Cell(f"channel {one['channel']}: {', '.join(parts)}", "bad" if one["given_up"] else "")
    for one in document["clock"]:
        worst = UNKNOWN if one["offset_s"] is None else f"{Decimal(one['offset_s']):.3f} s, {clock_text(one['at'])}"
        yield Cell(f"{one['account']}: clock furthest off the exchange's: {worst}")
    for one in document["weight"]:
        most = UNKNOWN if one["used"] is None else f"{percent_text(Decimal(one['used']))}, {clock_text(one['at'])}"
        yield Cell(f"{one['account']}: most of the request limits used: {most}")


def _quiet(document: Document) -> list[Cell]:
    lines = []
    if document["paused"] is not None:
        lines.append(
            Cell(f"actions: paused by {document['paused']['by']}, {clock_text(document['paused']['at'])}", "note")
        )
    if document["pause_file"]:
        lines.append(Cell("actions: paused, the pause file is there", "note"))
    lines += _most(
        Cell(
            f"silence {one['id']} by {one['author']} until {clock_text(one['ends_at'])}: "
            f"{', '.join(m['name'] + m['op'] + m['value'] for m in one['matchers'])}; {one['comment']}"
            + ("; critical too" if one["include_critical"] else ""),
            "note",
        )
        for one in document["silences"]
    )
    return lines or [Cell("nothing is silenced or paused", "good")]


def _head(head: str | None) -> Cell:
    if head is None:
        return Cell("it is empty: somebody emptied it")
    return Cell(f"ends at {head}; what was cut off later shows `margin-monitor actions verify --head {head}`")


def _most(cells: Iterable[Cell]) -> list[Cell]:
    lines = list(cells)
    rest = len(lines) - MOST
    return lines if rest <= 0 else [*lines[:MOST], Cell(f"  … and {rest} more", "dim")]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _amount(one: Document) -> str:
    amount = Decimal(one["amount"])
    return needed_text(amount, one["asset"]) if amount else one["asset"]


def _level(text: str | None) -> str:
    return f"level {level_text(Decimal(text))}" if text is not None else f"level {INFINITY_SIGN}"


def _percent(entry: Document) -> str:
    return percent_text(Decimal(entry["distance_to_liquidation"]))
