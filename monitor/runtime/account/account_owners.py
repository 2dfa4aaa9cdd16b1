"""The exchange's user behind each configured account: no two may be the same, and none may be unknown."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from monitor.core.model.events import HealthRead


class AccountOwners:
    """The exchange's user number of each account of the daemon, as far as it is known."""

    def __init__(self, accounts: Collection[str]) -> None:
        """`accounts` are all that are configured, also those that another daemon watches."""
        self._accounts = tuple(accounts)
        self._uids: dict[str, int] = {}
        self._identified: set[str] = set()
        self._reported_twins: set[tuple[str, ...]] = set()

    def find_uid(self, account: str) -> int | None:
        """Return the user number; None while it is not known."""
        return self._uids.get(account)

    def reset(self, account: str) -> None:
        """Mark the account as unidentified: its user number is known only from before."""
        self._identified.discard(account)

    def set_uid(self, account: str, uid: int) -> None:
        """Set the user number that the exchange returned or that was recorded for this very key."""
        self._uids[account] = uid

    def set_elsewhere(self, uids: Mapping[str, int], watched: Collection[str]) -> None:
        """Set the recorded user numbers of the accounts that another daemon watches; the others know their own."""
        for name in self._accounts:
            if name in watched:
                continue
            if name in uids:
                self._uids[name] = uids[name]
            else:
                self._uids.pop(name, None)

    def mark_identified(self, account: str) -> None:
        """Mark that the actions taken in the account under other names are on their way to its decisions."""
        self._identified.add(account)

    def find_twin(self, account: str) -> str:
        """Return another account that is the same user of the exchange; empty where none is known."""
        mine = self._uids.get(account)
        if mine is None:
            return ""
        return min((name for name in self._accounts if name != account and self._uids.get(name) == mine), default="")

    def find_unidentified(self, account: str) -> str:
        """Return the account itself or the first other one whose user is not known; empty where all are known."""
        if account not in self._identified or account not in self._uids:
            return account
        return next((name for name in self._accounts if name not in self._uids), "")

    def with_owner(self, account: str, health: HealthRead) -> HealthRead:
        """Return `health` with the known twin and the unidentified account."""
        return replace(
            health, duplicate_account=self.find_twin(account), unidentified_account=self.find_unidentified(account)
        )

    def take_new_twins(self) -> tuple[tuple[str, ...], ...]:
        """Return the groups of accounts that turned out to be the same since the last call."""
        groups: dict[int, list[str]] = {}
        for name in self._accounts:
            if (uid := self._uids.get(name)) is not None:
                groups.setdefault(uid, []).append(name)
        found = tuple(
            tuple(names) for names in groups.values() if len(names) > 1 and tuple(names) not in self._reported_twins
        )
        self._reported_twins.update(found)
        return found
