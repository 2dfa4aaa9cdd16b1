"""The double-entry ledger: wallets, debts, and the external parties that amounts come from or go to.

Every posting takes an amount from one place and gives it to another, so that wallets and external parties of one asset
always add up to zero.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ZERO

Party = Literal["world", "lender", "interest", "market", "fees", "insurance"]


class InsufficientBalance(Exception):
    """A posting of more than the place holds."""


@dataclass(slots=True)
class SimBalance:
    """One asset in one wallet. `borrowed` and `interest` are owed, `free` and `locked` are held."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def held(self) -> Decimal:
        """The amount held, free or locked."""
        return self.free + self.locked

    @property
    def owed(self) -> Decimal:
        """Principal and interest."""
        return self.borrowed + self.interest

    @property
    def net(self) -> Decimal:
        """Held minus owed; may be negative."""
        return self.held - self.owed


class SimWallet:
    """The balances of one account in one place ("spot", "funding", "cross" or a pair)."""

    def __init__(self, owner: str, place: str) -> None:
        self.owner = owner
        self.place = place
        self.balances: dict[str, SimBalance] = {}

    @property
    def name(self) -> str:
        """Owner and place, as in the entries."""
        return f"{self.owner}/{self.place}"

    def get(self, asset: str) -> SimBalance:
        """The balance of `asset`, created if there was none."""
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = SimBalance()
        return balance

    def free(self, asset: str) -> Decimal:
        """The free amount of `asset`."""
        balance = self.balances.get(asset)
        return ZERO if balance is None else balance.free

    def owed(self, asset: str) -> Decimal:
        """The owed amount of `asset`."""
        balance = self.balances.get(asset)
        return ZERO if balance is None else balance.owed

    def debts(self) -> list[str]:
        """The assets owed."""
        return [asset for asset, balance in self.balances.items() if balance.owed]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One posting: `amount` of `asset` went from `source` to `target`."""

    at_ms: int
    asset: str
    amount: Decimal
    source: str
    target: str
    memo: str


class SimLedger:
    """All wallets and the external parties, with double entries."""

    def __init__(self) -> None:
        self.wallets: list[SimWallet] = []
        self.entries: list[LedgerEntry] = []
        self.now_ms = 0
        self._external: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)

    def open_wallet(self, owner: str, place: str) -> SimWallet:
        """A new empty wallet."""
        wallet = SimWallet(owner, place)
        self.wallets.append(wallet)
        return wallet

    def pay(self, asset: str, amount: Decimal, source: SimWallet | Party, target: SimWallet | Party, memo: str) -> None:
        """Move a free amount. Raises InsufficientBalance when a wallet does not hold it; 0 does nothing."""
        if not amount:
            return
        if amount < 0:
            raise ValueError("an amount to pay is positive")
        if isinstance(source, SimWallet):
            if source.free(asset) < amount:
                raise InsufficientBalance(f"{source.name} holds {source.free(asset)} {asset}, {amount} wanted")
            source.get(asset).free -= amount
        else:
            self._external[source, asset] -= amount
        if isinstance(target, SimWallet):
            target.get(asset).free += amount
        else:
            self._external[target, asset] += amount
        self.entries.append(LedgerEntry(self.now_ms, asset, amount, _place_name(source), _place_name(target), memo))

    def lend(self, wallet: SimWallet, asset: str, amount: Decimal, memo: str = "borrow") -> None:
        """Pay out a loan: the wallet holds and owes it."""
        self.pay(asset, amount, "lender", wallet, memo)
        wallet.get(asset).borrowed += amount

    def accrue(self, wallet: SimWallet, asset: str, amount: Decimal) -> None:
        """Add interest to a debt of the wallet."""
        wallet.get(asset).interest += amount

    def repay(self, wallet: SimWallet, asset: str, amount: Decimal, memo: str = "repay") -> tuple[Decimal, Decimal]:
        """Repay from the wallet's free balance, interest first. Returns (interest part, principal part).

        Raises InsufficientBalance when the amount is not free or not owed.
        """
        balance = wallet.get(asset)
        if amount > balance.owed:
            raise InsufficientBalance(f"{wallet.name} owes {balance.owed} {asset}, {amount} offered")
        interest = min(amount, balance.interest)
        principal = amount - interest
        self.pay(asset, interest, wallet, "interest", memo)
        self.pay(asset, principal, wallet, "lender", memo)
        balance.interest -= interest
        balance.borrowed -= principal
        return interest, principal

    def forgive(self, wallet: SimWallet, asset: str) -> Decimal:
        """Write off a debt that can't be paid; the insurance fund pays its principal. Returns the debt."""
        balance = wallet.get(asset)
        owed = balance.owed
        self.pay(asset, balance.borrowed, "insurance", "lender", "forgiven")
        balance.borrowed = balance.interest = ZERO
        return owed

    def lock(self, wallet: SimWallet, asset: str, amount: Decimal) -> None:
        """Lock a free amount for an open order. Raises InsufficientBalance."""
        balance = wallet.get(asset)
        if balance.free < amount:
            raise InsufficientBalance(f"{wallet.name} holds {balance.free} {asset}, {amount} wanted")
        balance.free -= amount
        balance.locked += amount

    def unlock(self, wallet: SimWallet, asset: str, amount: Decimal) -> None:
        """Free an amount that was locked. Raises InsufficientBalance."""
        balance = wallet.get(asset)
        if balance.locked < amount:
            raise InsufficientBalance(f"{wallet.name} has locked {balance.locked} {asset}, {amount} wanted")
        balance.locked -= amount
        balance.free += amount

    def imbalance(self) -> dict[str, Decimal]:
        """Assets whose wallets and external parties don't add up to zero. Empty when the ledger is correct."""
        sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for (_, asset), amount in self._external.items():
            sums[asset] += amount
        lent: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for wallet in self.wallets:
            for asset, balance in wallet.balances.items():
                sums[asset] += balance.held
                lent[asset] += balance.borrowed
        wrong = {asset: amount for asset, amount in sums.items() if amount}
        for asset, amount in lent.items():
            if self._external["lender", asset] + amount:
                wrong[f"{asset} lent"] = self._external["lender", asset] + amount
        return wrong


def _place_name(place: SimWallet | Party) -> str:
    return place.name if isinstance(place, SimWallet) else place
