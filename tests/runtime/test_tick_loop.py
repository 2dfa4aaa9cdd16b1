"""The spreading of ticks over the accounts."""

from monitor.runtime.tick_loop import MAX_GROUPS, split_accounts


def test_every_account_is_in_one_group_and_the_groups_are_even() -> None:
    for count in (1, 2, MAX_GROUPS, MAX_GROUPS + 1, 300):
        names = [f"account{number}" for number in range(count)]
        groups = split_accounts(names)
        assert sorted(name for group in groups for name in group) == sorted(names)
        assert len(groups) == min(count, MAX_GROUPS)
        assert max(map(len, groups)) - min(map(len, groups)) <= 1


def test_daemon_without_accounts_waits_as_long_as_others() -> None:
    assert [list(group) for group in split_accounts([])] == [[]]
