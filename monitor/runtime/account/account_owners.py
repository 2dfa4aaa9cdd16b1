"""Whose account each configured one is at the exchange: no two may be the same, and none may be unknown."""

from collections.abc import Collection
from dataclasses import replace

from monitor.core.model.events import HealthRead


class AccountOwners:
    """The exchange's number of the user behind each account of the daemon, as far as it is known."""

    def __init__(self, accounts: Collection[str]) -> None:
        self._accounts = tuple(accounts)
        self._uids: dict[str, int] = {}
        self._identified: set[str] = set()
        self._reported_twins: set[tuple[str, ...]] = set()

    def find_uid(self, account: str) -> int | None:
        """The number; None while it is not known."""
        return self._uids.get(account)

    def reset(self, account: str) -> None:
        """Take the account for unidentified: what is known of it is known from before."""
        self._identified.discard(account)

    def set_uid(self, account: str, uid: int) -> None:
        """Note what the exchange says, or what was remembered of the very key."""
        self._uids[account] = uid

    def mark_identified(self, account: str) -> None:
        """Note that what was done in the account under other names is on its way to its decisions."""
        self._identified.add(account)

    def find_twin(self, account: str) -> str:
        """Another account that is the same user of the exchange; empty where none is known to be."""
        mine = self._uids.get(account)
        if mine is None:
            return ""
        return min((name for name in self._accounts if name != account and self._uids.get(name) == mine), default="")

    def find_unidentified(self, account: str) -> str:
        """The account itself, or the first other one, of which it is not known whose it is; empty where all are."""
        if account not in self._identified or account not in self._uids:
            return account
        return next((name for name in self._accounts if name not in self._uids), "")

    def with_owner(self, account: str, health: HealthRead) -> HealthRead:
        """`health` with what is known here of the account."""
        return replace(
            health, duplicate_account=self.find_twin(account), unidentified_account=self.find_unidentified(account)
        )

    def take_new_twins(self) -> tuple[tuple[str, ...], ...]:
        """The groups of accounts that turned out to be one since this was last asked."""
        groups: dict[int, list[str]] = {}
        for name in self._accounts:
            if (uid := self._uids.get(name)) is not None:
                groups.setdefault(uid, []).append(name)
        found = tuple(
            tuple(names) for names in groups.values() if len(names) > 1 and tuple(names) not in self._reported_twins
        )
        self._reported_twins.update(found)
        return found
