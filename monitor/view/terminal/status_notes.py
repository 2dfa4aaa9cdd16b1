"""Notes below the status tables: blocked actions, stopped rules, assets tagged for delisting."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from monitor.view.documents.stress_portfolio import scopes_of
from monitor.view.documents.types.account import AccountDocument
from monitor.view.json_values import Document
from monitor.view.past.past_days import past_days_text, scope_subject
from monitor.view.terminal.table import Cell


def past_day_cells(accounts: Iterable[AccountDocument], now: datetime) -> Iterator[Cell]:
    """One line for each scope about the days of the past, as the daemon measured them last."""
    for account in accounts:
        for label, scope in scopes_of(account):
            past = scope.get("past_day")
            if past is not None:
                text = past_days_text(past, scope_subject(label), now)
                yield Cell(f"{account['account']} {label}: {text}", "note" if past["days_liquidated"] else "dim")


def blocked_action_cells(accounts: Iterable[Document]) -> Iterator[Cell]:
    """One line for each blocked action of an alert."""
    for account in accounts:
        yield from rule_stop_cells(account["rules_stopped"])
        for stopped in account.get("actions_stopped", ()):
            where = f"{account['account']} {stopped['symbol'] or stopped['scope']}"
            yield Cell(
                f"{where}: {stopped['action']} is stopped: {stopped['why']}", "bad" if stopped["by_limit"] else "note"
            )


def rule_stop_cells(stops: Iterable[Document]) -> Iterator[Cell]:
    """One line for each rule whose actions are stopped because one of its orders lowered the level, or may have."""
    for stop in stops:
        actions, order = f"the actions of {stop['rule']} in {stop['account']}", f"R-{stop['intent']}"
        mend = "`margin-monitor actions resume` lets them go"
        match stop["grounds"]:
            case "unjudged":
                yield Cell(f"{actions} wait until it is known whether {order} made things worse", "note")
            case "untold":
                told = f"whether {order} made things worse can't be told ({stop['why']})"
                yield Cell(f"{actions} are STOPPED: {told}: {mend}", "bad")
            case _:
                told = f"{order} made things worse ({stop['why']})"
                yield Cell(f"{actions} are STOPPED since {told}: {mend}", "bad")


def delisting_cells(accounts: Iterable[Document]) -> Iterator[Cell]:
    """One line for each account with assets that the exchange may delist."""
    for account in accounts:
        # A document of an older program has no such field.
        assets = account.get("monitored", ())
        if assets:
            text = f"{account['account']}: tagged Monitoring, a delisting may follow within weeks: {', '.join(assets)}"
            yield Cell(text, "note")
