"""The shares of several daemons, and holders that give no sign of life."""

from collections.abc import Iterable

import pytest

from monitor.store.db.account_shares import (
    MAX_OBSERVATION_GAP_S,
    MIN_OBSERVATIONS,
    SILENT_AFTER_S,
    UnchangedItems,
    compute_quota,
)


def quotas(held: dict[str, int], count: int) -> list[int]:
    return [compute_quota(name, held, count) for name in held]


@pytest.mark.parametrize("daemons", [1, 2, 3, 4])
@pytest.mark.parametrize("accounts", range(9))
def test_shares_are_even_and_hold_every_account(daemons: int, accounts: int) -> None:
    for first in range(accounts + 1):
        held = dict.fromkeys("abcd"[:daemons], 0) | {"a": first}
        shares = quotas(held, accounts)
        assert sum(shares) == accounts
        assert max(shares) - min(shares) <= 1


def test_accounts_stay_where_they_are_once_the_shares_are_even() -> None:
    assert quotas({"a": 2, "b": 3, "c": 2}, 7) == [2, 3, 2]
    assert quotas({"a": 1, "b": 1, "c": 0}, 2) == [1, 1, 0]
    assert quotas({"a": 4, "b": 3, "c": 0}, 7) == [3, 2, 2], "each gives up one, no more"


def observed(items: UnchangedItems, moments: Iterable[float], state: object = "same") -> list[bool]:
    return [bool(items.observe({"alpha": state}, moment)) for moment in moments]


def test_item_is_found_unchanged_after_its_time() -> None:
    assert SILENT_AFTER_S < 10 - 3
    assert observed(UnchangedItems(), range(8)) == [False] * 6 + [True] * 2


def test_change_begins_the_time_anew() -> None:
    items = UnchangedItems()
    assert observed(items, range(6)) == [False] * 6
    assert observed(items, range(6, 12), "renewed") == [False] * 6
    assert observed(items, [12], "renewed") == [True]
    items.forget({"alpha"})
    assert observed(items, [13], "renewed") == [False]


def test_observer_that_stood_still_itself_finds_nothing() -> None:
    gap_s = MAX_OBSERVATION_GAP_S + 0.1
    assert observed(UnchangedItems(), (gap_s * turn for turn in range(20))) == [False] * 20
    rare = [SILENT_AFTER_S / (MIN_OBSERVATIONS - 2) * turn for turn in range(MIN_OBSERVATIONS)]
    assert observed(UnchangedItems(), rare) == [False] * (MIN_OBSERVATIONS - 1) + [True]
