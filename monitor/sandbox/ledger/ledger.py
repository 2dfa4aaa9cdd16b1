"""The books: wallets, debts, and the outside parties that every amount comes from or goes to.

Nothing appears from nowhere: each posting takes from one place and gives to another, so that wallets and
outside parties of one asset always add up to zero.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ZERO

Party = Literal["world", "lender", "interest", "market", "fees", "insurance"]


class Overdrawn(Exception):
    """A posting wants more than the place holds."""


@dataclass(slots=True)
class Balance:
    """One asset in one wallet. `borrowed` and `interest` are owed, the rest is there."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def held(self) -> Decimal:
        """What is there, free or locked."""
        return self.free + self.locked

    @property
    def owed(self) -> Decimal:
        """Principal and interest."""
        return self.borrowed + self.interest

    @property
    def net(self) -> Decimal:
        """Held minus owed; may be negative."""
        return self.held - self.owed


class Wallet:
    """The balances of one account in one place ("spot", "funding", "cross" or a pair)."""

    def __init__(self, owner: str, place: str) -> None:
        self.owner = owner
        self.place = place
        self.balances: dict[str, Balance] = {}

    @property
    def name(self) -> str:
        """Owner and place, as entries name it."""
        return f"{self.owner}/{self.place}"

    def get(self, asset: str) -> Balance:
        """The balance of `asset`, made if there was none."""
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = Balance()
        return balance

    def free(self, asset: str) -> Decimal:
        """What is free of `asset`."""
        balance = self.balances.get(asset)
        return ZERO if balance is None else balance.free

    def owed(self, asset: str) -> Decimal:
        """What is owed of `asset`."""
        balance = self.balances.get(asset)
        return ZERO if balance is None else balance.owed

    def debts(self) -> list[str]:
        """The assets owed."""
        return [asset for asset, balance in self.balances.items() if balance.owed]


@dataclass(frozen=True, slots=True)
class Entry:
    """One posting: `amount` of `asset` went from `source` to `target`."""

    at_ms: int
    asset: str
    amount: Decimal
    source: str
    target: str
    memo: str


class Books:
    """All wallets and the outside parties, posted double."""

    def __init__(self) -> None:
        self.wallets: list[Wallet] = []
        self.entries: list[Entry] = []
        self.now_ms = 0
        self._outside: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)

    def open_wallet(self, owner: str, place: str) -> Wallet:
        """A new empty wallet."""
        wallet = Wallet(owner, place)
        self.wallets.append(wallet)
        return wallet

    def pay(self, asset: str, amount: Decimal, source: Wallet | Party, target: Wallet | Party, memo: str) -> None:
        """Move a free amount. Raises Overdrawn when a wallet does not hold it; 0 does nothing."""
        if not amount:
            return
        if amount < 0:
            raise ValueError("an amount to pay is positive")
        if isinstance(source, Wallet):
            if source.free(asset) < amount:
                raise Overdrawn(f"{source.name} holds {source.free(asset)} {asset}, {amount} wanted")
            source.get(asset).free -= amount
        else:
            self._outside[source, asset] -= amount
        if isinstance(target, Wallet):
            target.get(asset).free += amount
        else:
            self._outside[target, asset] += amount
        self.entries.append(Entry(self.now_ms, asset, amount, _name(source), _name(target), memo))

    def lend(self, wallet: Wallet, asset: str, amount: Decimal, memo: str = "borrow") -> None:
        """Pay out a loan: the wallet holds and owes it."""
        self.pay(asset, amount, "lender", wallet, memo)
        wallet.get(asset).borrowed += amount

    def accrue(self, wallet: Wallet, asset: str, amount: Decimal) -> None:
        """Add interest to what the wallet owes."""
        wallet.get(asset).interest += amount

    def repay(self, wallet: Wallet, asset: str, amount: Decimal, memo: str = "repay") -> tuple[Decimal, Decimal]:
        """Repay from the wallet's free balance, interest first. Returns (interest part, principal part).

        Raises Overdrawn when the amount is not free or not owed.
        """
        balance = wallet.get(asset)
        if amount > balance.owed:
            raise Overdrawn(f"{wallet.name} owes {balance.owed} {asset}, {amount} offered")
        interest = min(amount, balance.interest)
        principal = amount - interest
        self.pay(asset, interest, wallet, "interest", memo)
        self.pay(asset, principal, wallet, "lender", memo)
        balance.interest -= interest
        balance.borrowed -= principal
        return interest, principal

    def forgive(self, wallet: Wallet, asset: str) -> Decimal:
        """Strike out a debt that can't be paid; the insurance fund pays its principal. Returns the debt."""
        balance = wallet.get(asset)
        owed = balance.owed
        self.pay(asset, balance.borrowed, "insurance", "lender", "forgiven")
        balance.borrowed = balance.interest = ZERO
        return owed

    def lock(self, wallet: Wallet, asset: str, amount: Decimal) -> None:
        """Put a free amount behind an open order. Raises Overdrawn."""
        balance = wallet.get(asset)
        if balance.free < amount:
            raise Overdrawn(f"{wallet.name} holds {balance.free} {asset}, {amount} wanted")
        balance.free -= amount
        balance.locked += amount

    def unlock(self, wallet: Wallet, asset: str, amount: Decimal) -> None:
        """Free an amount that was locked. Raises Overdrawn."""
        balance = wallet.get(asset)
        if balance.locked < amount:
            raise Overdrawn(f"{wallet.name} has locked {balance.locked} {asset}, {amount} wanted")
        balance.locked -= amount
        balance.free += amount

    def imbalance(self) -> dict[str, Decimal]:
        """Assets whose wallets and outside parties don't add up to zero. Empty when the books are right."""
        sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for (_, asset), amount in self._outside.items():
            sums[asset] += amount
        lent: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for wallet in self.wallets:
            for asset, balance in wallet.balances.items():
                sums[asset] += balance.held
                lent[asset] += balance.borrowed
        wrong = {asset: amount for asset, amount in sums.items() if amount}
        for asset, amount in lent.items():
            if self._outside["lender", asset] + amount:
                wrong[f"{asset} lent"] = self._outside["lender", asset] + amount
        return wrong


def _name(place: Wallet | Party) -> str:
    return place.name if isinstance(place, Wallet) else place
