"""The status screen: verdict, distances to the thresholds, debts, recovery options."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.margin.interest import HOURS_A_YEAR
from monitor.core.numbers.amounts import INFINITE, ONE, floor_to
from monitor.core.numbers.durations import parse_since
from monitor.view.documents.status import oldest_age_s
from monitor.view.documents.stress_portfolio import portfolio_of, scopes_of
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.view.formatting import (
    format_age,
    format_amount,
    format_level,
    format_percent,
    format_route,
    format_timestamp,
    format_usdt,
    format_whole,
)
from monitor.view.json_values import Document, parse_json_decimal
from monitor.view.terminal.scopes_table import threshold_band
from monitor.view.terminal.table import SEVERITY_TONES, Cell, Table

FRESH_FOR = timedelta(minutes=1)
"""Balances up to this age are shown without it."""

_MAX_RECOVERY_OPTIONS = 3
_SHORTEN_AMOUNT_FROM = Decimal(1_000)
_YEAR = timedelta(days=365)


def headlines(document: StatusDocument) -> list[Cell]:
    """The verdict to be read in five seconds: whether anything is in danger, and whether the figures are reliable."""
    lines = []
    if not document["daemon"]["running"]:
        lines.append(Cell("NO DAEMON IS RUNNING: nothing is watched, the figures are the last recorded ones", "bad"))
    for account in document["accounts"]:
        lines += _verdicts(account)
    return lines


def debts_table(accounts: Sequence[AccountDocument], now: datetime) -> Table:
    """One row for each owed asset: the amount, its rate a year, and the rate's age.

    Made to fit 80 columns: a single account is not named in every row.
    """
    rows = []
    for account in accounts:
        ages = {
            (rate["symbol"] or "cross", rate["asset"]): now - parse_since(rate["as_of"], now)
            for rate in account.get("rates", ())
        }
        for label, row in _asset_rows(account):
            owed = Decimal(row["borrowed"]) + Decimal(row["interest"])
            if not owed:
                continue
            hourly, price = parse_json_decimal(row.get("hourly_rate")), parse_json_decimal(row.get("price_usdt"))
            rows.append(
                [
                    Cell(account["account"]),
                    Cell(label),
                    Cell(f"{_short_amount(owed)} {row['asset']}"),
                    Cell(format_usdt(owed * price) if price is not None else ""),
                    Cell(format_percent(hourly * HOURS_A_YEAR) if hourly is not None else "not known yet", "dim"),
                    Cell(format_age(ages[label, row["asset"]]) if (label, row["asset"]) in ages else "", "dim"),
                    Cell(f"{_short_amount(Decimal(row['free']))} {row['asset']}"),
                ]
            )
    headings = ("account", "scope", "owed", "value", "a year", "rate age", "free of it")
    start = 1 if len(accounts) == 1 else 0
    return Table(headings[start:], [row[start:] for row in rows], frozenset(range(2 - start, 7 - start)))


def recovery_cells(accounts: Iterable[AccountDocument], now: datetime) -> list[Cell]:
    """One line for each scope in danger: the recovery options that are available, else the cheapest one.

    The age of the balances outside margin is shown where it exceeds `FRESH_FOR`.
    """
    lines = []
    for account in accounts:
        for label, scope in scopes_of(account):
            restore = scope.get("restore")
            if not restore or not restore["options"] or threshold_band(scope)[1] == "good":
                continue
            feasible = [option for option in restore["options"] if option["feasible"]][:_MAX_RECOVERY_OPTIONS]
            ways = ", or ".join(
                format_route(option["route"], Decimal(option["amount"]), option["asset"], option.get("repays", ""))
                for option in feasible or restore["options"][:1]
            )
            lacking = "" if feasible else ", which is more than is at hand"
            target = format_level(Decimal(restore["target"]))
            text = f"{account['account']} {label}: to be back at {target}: {ways}{lacking}"
            lines.append(Cell(f"{text}{_external_age(restore, now)}", "note"))
    return lines


def data_issue_cells(accounts: Iterable[AccountDocument]) -> Iterator[Cell]:
    """One line for each data issue."""
    for account in accounts:
        for label, scope in scopes_of(account):
            for gap in scope.get("gaps", ()):
                yield Cell(f"{account['account']} {label}: {gap['text']}", "note")


def interest_cells(accounts: Iterable[AccountDocument]) -> Iterator[Cell]:
    """One line for each cross account that interest alone would liquidate within a year at constant prices."""
    for account in accounts:
        cross = account.get("cross")
        seconds = None if cross is None else cross["time_to_liquidation_by_interest"]
        if seconds is not None and timedelta(seconds=seconds) < _YEAR:
            text = (
                f"{account['account']} cross: interest alone liquidates it in {format_age(timedelta(seconds=seconds))}"
            )
            yield Cell(text, "note")


def transfer_out_cells(accounts: Iterable[AccountDocument]) -> Iterator[Cell]:
    """One line for each cross account with debts from which one of some assets may be transferred out."""
    for account in accounts:
        cross = account.get("cross")
        if cross is None or cross["state"] != "ok":
            continue
        found = [limit for limit in cross.get("may_leave", ()) if Decimal(limit["value_usdt"]) >= ONE][
            :_MAX_RECOVERY_OPTIONS
        ]
        if found:
            what = " or ".join(_transfer_out_text(limit) for limit in found)
            level = format_level(parse_json_decimal(cross["collateral_margin_level"]))
            text = f"{account['account']} cross: {what} may leave it (collateral level {level}, 2.00 must remain)"
            yield Cell(text, "dim")


def status_lines(document: StatusDocument) -> list[Cell]:
    """The lines below the tables: daemon, alerts, actions and streams of each account."""
    daemon = document["daemon"]
    lines = []
    if daemon["since"] is not None:
        where = f" on {daemon['host']}" if daemon["host"] else ""
        since = format_timestamp(daemon["since"])
        lines.append(Cell(f"daemon running since {since}, pid {daemon['pid']}{where}", "dim"))
    lines += _holder_lines(document["accounts"])
    if daemon["paused"]:
        lines.append(Cell("actions are paused", "note"))
    for account in document["accounts"]:
        firing, moving = account["alerts_firing"], account["intents_in_flight"]
        if firing:
            text = f"{account['account']}: {firing} alert{'s fire' if firing > 1 else ' fires'}, see `alerts`"
            lines.append(Cell(text, SEVERITY_TONES[account["worst_alert"] or "info"]))
        if moving:
            lines.append(Cell(f"{account['account']}: {moving} action{'s' * (moving > 1)} under way", "note"))
        down = [stream["name"] for stream in account["streams"] if not stream["connected"]]
        if down and daemon["running"]:
            lines.append(Cell(f"{account['account']}: stream down: {', '.join(down)}; polling goes on", "note"))
    return lines


def _holder_lines(accounts: Sequence[AccountDocument]) -> Iterator[Cell]:
    """One line for each of several daemons that share the accounts, and one for accounts that nobody watches."""
    watched: dict[str, list[str]] = {}
    for account in accounts:
        if "held_by" in account:
            holder = account["held_by"]
            where = "" if holder is None else f"on {holder['host']}, pid {holder['pid']}"
            watched.setdefault(where, []).append(account["account"])
    for where, names in sorted(watched.items()):
        yield Cell(f"{', '.join(names)}: watched {where or 'by no daemon'}", "dim" if where else "bad")


def check_line(account: AccountDocument, problems: Sequence[str]) -> Cell:
    """One account for a monitoring system: state, age, and problems."""
    age = oldest_age_s(account)
    known = f"{format_age(timedelta(seconds=age))} old" if age is not None else "age unknown"
    if problems:
        return Cell(f"{account['account']}: {'; '.join(problems)} ({known})", "bad")
    return Cell(f"{account['account']}: ok ({known})", "good")


def _transfer_out_text(limit: Document) -> str:
    """An amount that may be transferred out, rounded down to four significant digits, and its value."""
    exact = Decimal(limit["amount"])
    amount = floor_to(exact, Decimal(1).scaleb(max(exact.adjusted() - 3, -8)))
    value = "" if limit["asset"] == "USDT" else f" ({format_whole(Decimal(limit['value_usdt']))} USDT)"
    return f"{format_amount(amount)} {limit['asset']}{value}"


def _external_age(restore: Document, now: datetime) -> str:
    as_of = restore.get("outside_as_of")
    if as_of is None:
        return ""
    age = now - parse_since(as_of, now)
    return f" (spot and funding read {format_age(age)} ago)" if age > FRESH_FOR else ""


def _verdicts(account: AccountDocument) -> Iterator[Cell]:
    """One line for each scope in danger or with unreliable figures; one line in all when there is none."""
    name, scopes = account["account"], list(scopes_of(account))
    if account["state"] == "key_refused":
        yield Cell(f"{name}: THE EXCHANGE REFUSES THE KEY, the figures are the last ones known", "bad")
    if account["state"] == "unknown":
        yield Cell(f"{name}: nothing is known yet", "bad")
        return
    bad = [(label, scope) for label, scope in scopes if scope["state"] in ("stale", "unavailable")]
    for label, scope in bad:
        old = "never read" if scope["age_s"] is None else f"{format_age(timedelta(seconds=scope['age_s']))} old"
        yield Cell(f"{name} {label}: THE FIGURES ARE NOT TO BE RELIED ON, {old}", "bad")
    known = [(label, scope) for label, scope in scopes if parse_json_decimal(scope.get("margin_level")) is not None]
    for label, scope in sorted(known, key=lambda entry: _distance(entry[1])):
        words, tone = threshold_band(scope)
        if tone != "good":
            level = format_level(parse_json_decimal(scope["margin_level"]))
            where = words.replace("below", "below its initial bar")
            yield Cell(f"{name} {label}: {where}, level {level}, {_liquidation_text(scope)}", tone)
    calm = [(label, scope) for label, scope in known if threshold_band(scope)[1] == "good" and scope["state"] == "ok"]
    if calm and len(calm) == len(known) and not bad:
        label, scope = min(calm, key=lambda entry: _distance(entry[1]))
        yield Cell(f"{name}: ok; nearest to liquidation is {label}, {_liquidation_text(scope)}", "good")
    if not known and not bad and account["state"] == "ok":
        yield Cell(f"{name}: nothing is owed", "good")


def _short_amount(amount: Decimal) -> str:
    """An amount to eight significant digits; documents have them all."""
    return format_amount(amount if amount < _SHORTEN_AMOUNT_FROM else round(amount, 2))


def _liquidation_text(scope: Document) -> str:
    """The distance from liquidation in words."""
    distance = parse_json_decimal(scope["distance_to_liquidation"])
    if distance is None and portfolio_of(scope) is None:
        return "how far it is from liquidation is not known"
    if distance is None:
        return "no move of prices liquidates it"
    if not distance:
        return "to be liquidated at any moment"
    if "index_price" in scope:
        verb = {"below": "fall", "above": "rise"}.get(scope["danger"] or "", "move")
        return f"liquidated if {scope['base']['asset']} {verb}s {format_percent(distance)}"
    drop = parse_json_decimal(scope["drop_to_liquidation"])
    return (
        f"liquidated if prices {'fall' if drop is not None and drop <= distance else 'rise'} {format_percent(distance)}"
    )


def _distance(scope: Document) -> Decimal:
    distance = parse_json_decimal(scope["distance_to_liquidation"])
    return INFINITE if distance is None else distance


def _asset_rows(account: AccountDocument) -> Iterator[tuple[str, Document]]:
    cross = account.get("cross")
    if cross is not None:
        yield from (("cross", row) for row in cross["balances"])
    for pair in account["isolated"]:
        yield from ((pair["symbol"], side) for side in (pair["base"], pair["quote"]) if side is not None)
