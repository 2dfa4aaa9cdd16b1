"""Notes below the status tables: blocked actions, stopped rules, assets tagged for delisting."""

from collections.abc import Iterable, Iterator

from monitor.view.json_values import Document
from monitor.view.terminal.table import Cell


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
