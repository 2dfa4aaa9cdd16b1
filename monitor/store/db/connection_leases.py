"""The leases of one connection: what it holds, and under which epochs it writes. A command's connection holds none."""

from collections.abc import Mapping

from sqlalchemy import Connection

from monitor.errors import AccountNotHeld
from monitor.store.db.account_leases import LEADER, AccountLeases
from monitor.store.db.lease_term import LeaseTerm


def renew_lease(connection: Connection) -> None:
    """Renew all that this connection holds; nothing for a connection without a lease."""
    if (leases := _leases_of(connection)) is not None:
        leases.renew(connection)


def give_lease_back(connection: Connection) -> None:
    """Give back all that this connection holds."""
    if (leases := _leases_of(connection)) is not None:
        leases.give_back(connection)


def record_proof(connection: Connection) -> None:
    """Record what was taken, renewed and given back on the connection, now that its transaction is durable."""
    proved_at_s = connection.info.pop("lease_proof", None)
    leases = _leases_of(connection)
    if isinstance(leases, AccountLeases):
        leases.record_changes(connection)
    elif leases is not None and proved_at_s is not None:
        leases.record_proof(proved_at_s)


def holder_name(connection: Connection) -> str | None:
    """Return the name under which this connection holds its leases; None for a command's."""
    leases = _leases_of(connection)
    return None if leases is None else leases.holder


def written_epoch(connection: Connection, account: str | None) -> int | None:
    """Return the epoch under which this connection writes what concerns the account.

    None for a command's connection, and where it does not hold the account.
    """
    term = _term_of(connection, account)
    return None if term is None else term.epoch


def claiming_epoch(connection: Connection, account: str) -> int | None:
    """Return the epoch under which this connection's daemon decides about the account; None as above."""
    term = _term_of(connection, account)
    return None if term is None else term.loaded_epoch


def held_accounts(connection: Connection) -> frozenset[str] | None:
    """Return the accounts that this connection holds; None where it holds no single ones, but all or nothing."""
    leases = _leases_of(connection)
    return leases.accounts if isinstance(leases, AccountLeases) else None


def daemon_columns(connection: Connection) -> Mapping[str, str | None]:
    """Return what the daemon's row says of the leases of this connection."""
    leases = _leases_of(connection)
    return leases.daemon_columns if isinstance(leases, AccountLeases) else {"lease": "database", "accounts": None}


def home_account(connection: Connection) -> str | None:
    """Return the account under which the daemon keeps what concerns itself; None where it holds no single ones."""
    return min(held_accounts(connection) or (), default=None)


def is_leader(connection: Connection) -> bool:
    """Return whether this connection's daemon does what is done once a database."""
    leases = _leases_of(connection)
    return not isinstance(leases, AccountLeases) or leases.find_term(LEADER) is not None


def require_account(connection: Connection, account: str) -> None:
    """Raise AccountNotHeld where this connection holds single accounts and this one is not among them.

    Another daemon may hold it, and must not find its rows overwritten.
    """
    held = held_accounts(connection)
    if held is not None and account not in held:
        raise AccountNotHeld(f"this daemon does not hold account {account}")


def _term_of(connection: Connection, account: str | None) -> LeaseTerm | None:
    leases = _leases_of(connection)
    if not isinstance(leases, AccountLeases):
        return leases
    return None if account is None else leases.find_term(account)


def _leases_of(connection: Connection) -> LeaseTerm | AccountLeases | None:
    found: LeaseTerm | AccountLeases | None = connection.info.get("lease")
    return found
