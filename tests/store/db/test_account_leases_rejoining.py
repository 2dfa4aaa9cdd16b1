"""Daemons that share the accounts of a database which was away for all of them."""

import pytest

from monitor.store.db import account_shares
from tests.store.shared_stores import ACCOUNTS, ALL, OpenShared, divide_all, divided_again, end_session
from tests.support.postgres import PostgresServer


async def test_first_daemon_that_is_back_takes_nothing_of_those_that_follow(
    open_shared: OpenShared, postgres_server: PostgresServer, shared_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await open_shared(), await open_shared()
    await divide_all((first, second), ACCOUNTS)
    before = first.held_accounts, second.held_accounts
    with postgres_server.connect(shared_name) as connection:
        end_session(connection, first)
        end_session(connection, second)
        # To the first one that is back the other has shown no sign of life.
        connection.execute("UPDATE daemons SET seen_at = 0")
    monkeypatch.setattr(account_shares, "REJOIN_S", 10_000.0)
    division = await divided_again(first, ACCOUNTS)
    assert (division.held, division.taken) == (before[0], frozenset())
    await divided_again(second, ACCOUNTS)
    assert (first.held_accounts, second.held_accounts) == before
    monkeypatch.setattr(account_shares, "REJOIN_S", 0.0)
    await second.close()
    assert (await first.divide(ACCOUNTS)).held == ALL


async def test_division_lists_what_other_daemons_have(open_shared: OpenShared) -> None:
    first, second = await open_shared(), await open_shared()
    await second.divide(("gamma", "delta"))
    assert (await first.divide(ACCOUNTS)).elsewhere == {"gamma", "delta"}
