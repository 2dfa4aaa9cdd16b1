"""The status document: stored account documents with their age updated."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.core.model.action_blocks import RuleStop
from monitor.core.numbers.durations import parse_since
from monitor.records.leases import Holder
from monitor.view.documents.actions import rule_stop_document
from monitor.view.documents.types.account import AccountDocument, HolderDocument
from monitor.view.documents.types.balances import CrossBalanceDocument, PairSideDocument
from monitor.view.documents.types.scopes import CrossDocument, IsolatedDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.values import AccountStatus
from monitor.view.json_values import json_age, json_time


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The daemon's state as a reader sees it. `running`: the daemon holds the database and has written recently.

    `holders`: the daemon of each account, by its name, where several share them; empty where one holds all.
    """

    running: bool = False
    pid: int | None = None
    since: datetime | None = None
    paused: bool = False
    host: str | None = None
    holders: Mapping[str, Holder] = field(default_factory=dict)


def status_document(
    accounts: Sequence[str],
    live: Mapping[str, AccountDocument],
    daemon: DaemonStatus,
    now: datetime,
    version: str,
    stops: Sequence[RuleStop] = (),
) -> StatusDocument:
    """The named accounts as of `now`. `live` holds their stored documents; one without has the state `unknown`."""
    return {
        "generated_at": json_time(now),
        "version": version,
        "daemon": {
            "running": daemon.running,
            "host": daemon.host if daemon.running else None,
            "pid": daemon.pid if daemon.running else None,
            "since": json_time(daemon.since) if daemon.running else None,
            "paused": daemon.paused,
        },
        "accounts": [
            {
                **_with_holder(
                    update_ages(live[name], now, running=daemon.running) if name in live else unknown_account(name),
                    daemon.holders,
                ),
                "rules_stopped": [rule_stop_document(stop) for stop in stops if stop.account == name],
            }
            for name in accounts
        ],
    }


def _with_holder(document: AccountDocument, holders: Mapping[str, Holder]) -> AccountDocument:
    """The document with the account's daemon; as it is where one daemon holds all accounts."""
    if not holders:
        return document
    holder = holders.get(document["account"])
    if holder is None:
        return {**document, "held_by": None}
    found: HolderDocument = {"host": holder.host, "pid": holder.pid, "since": json_time(holder.since)}
    return {**document, "held_by": found}


def update_ages(document: AccountDocument, now: datetime, *, running: bool) -> AccountDocument:
    """A stored account document for a reader at `now`: ages updated, old figures marked stale.

    Streams of a stopped daemon are no longer connected.
    """
    document = copy.deepcopy(document)
    stale_after = timedelta(seconds=document.get("stale_after_s") or 0)
    for scope in scope_documents(document):
        as_of = _parse_time(scope["as_of"], now)
        scope["age_s"] = json_age(as_of, now)
        scope["live_age_s"] = json_age(_parse_time(scope.get("live_as_of"), now), now)
        if scope["state"] in ("ok", "no_debt") and (as_of is None or now - as_of > stale_after):
            scope["state"] = "stale"
    for stream in document["streams"]:
        stream["silence_s"] = json_age(_parse_time(stream["last_frame_at"], now), now)
        stream["connected"] = stream["connected"] and running
    document["state"] = account_state(document, key_refused=document["state"] == "key_refused")
    return document


def merge_fetched(fetched: AccountDocument, stored: AccountDocument | None) -> AccountDocument:
    """An account just read, with the daemon's fields of its stored document: alerts, streams, rates."""
    if stored is None:
        return fetched
    rates = {(asset, label): row["hourly_rate"] for asset, label, row in _rows(stored)}
    read = {(rate["asset"], rate["symbol"]) for rate in fetched.get("rates", ())}
    unread = [rate for rate in stored.get("rates", ()) if (rate["asset"], rate["symbol"]) not in read]
    document: AccountDocument = {
        **copy.deepcopy(fetched),
        "streams": stored["streams"],
        "rates": [*fetched.get("rates", ()), *unread],
        "clock_offset_s": stored["clock_offset_s"],
        "alerts_firing": stored["alerts_firing"],
        "worst_alert": stored["worst_alert"],
        "intents_in_flight": stored["intents_in_flight"],
        "actions_stopped": stored.get("actions_stopped", []),
        "monitored": stored.get("monitored", fetched.get("monitored", [])),
        "conditions_unknown": stored.get("conditions_unknown", []),
    }
    for asset, label, row in _rows(document):
        row["hourly_rate"] = row["hourly_rate"] or rates.get((asset, label))
    return document


def unknown_account(name: str) -> AccountDocument:
    """The document of an account without any records."""
    return {
        "account": name,
        "state": "unknown",
        "isolated": [],
        "streams": [],
        "rates": [],
        "clock_offset_s": None,
        "weight_used": None,
        "alerts_firing": 0,
        "worst_alert": None,
        "intents_in_flight": 0,
        "actions_stopped": [],
        "monitored": [],
        "conditions_unknown": [],
    }


def account_state(document: AccountDocument, *, key_refused: bool) -> AccountStatus:
    """ok, stale, unknown or key_refused: the worst of the states of the account's scopes."""
    states = [scope["state"] for scope in scope_documents(document)]
    if key_refused:
        return "key_refused"
    if all(state in ("unavailable", "not_created") for state in states):
        return "unknown"
    return "stale" if any(state in ("stale", "unavailable") for state in states) else "ok"


def scope_documents(document: AccountDocument) -> Iterator[CrossDocument | IsolatedDocument]:
    """The cross document, if the account has one, and the documents of its pairs."""
    cross = document.get("cross")
    if cross is not None:
        yield cross
    yield from document["isolated"]


def oldest_age_s(account: AccountDocument) -> float | None:
    """Age of the account's oldest figures in seconds; None when nothing is known or a scope has no figures yet."""
    ages = [scope["age_s"] for scope in scope_documents(account) if scope["state"] != "not_created"]
    known = [age for age in ages if age is not None]
    return max(known) if known and len(known) == len(ages) else None


def _rows(account: AccountDocument) -> Iterator[tuple[str, str, CrossBalanceDocument | PairSideDocument]]:
    """Every row of an asset: the asset, its pair ("" for cross), the row."""
    cross = account.get("cross")
    for row in cross["balances"] if cross is not None else ():
        yield row["asset"], "", row
    for pair in account["isolated"]:
        for side in (pair["base"], pair["quote"]):
            if side is not None:
                yield side["asset"], pair["symbol"], side


def _parse_time(text: str | None, now: datetime) -> datetime | None:
    return None if text is None else parse_since(text, now)
