"""Final check of a claimed intent right before its one request leaves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from monitor.core.actions.revalidation import NotWanted, revalidate
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.valuation import MAX_CLOCK_AHEAD
from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent
from monitor.core.model.order import Withheld
from monitor.core.model.reads import OwnerRead
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, KeyState


def run_final_check(
    sized_on: AccountState,
    current: AccountState,
    intent: Intent,
    specs: Sequence[ActionSpec],
    settings: AccountSettings,
    now: datetime,
) -> Withheld | None:
    """Withhold a claimed order that must no longer be sent; None if it may be sent.

    `sized_on` is the state on which the order was sized, `current` the newest state. The figures of both states must
    allow the order. Those of `sized_on` must not be older than `max_data_age` of the action.
    """
    spec = next((spec for spec in specs if intent.is_made_by(spec.name)), None)
    if spec is None:
        return Withheld("its action is not configured to send any more")
    read = sized_on.cross if intent.target_scope == CROSS else sized_on.isolated
    if read is None:
        return Withheld("the figures that it was sized on are not known")
    age = now - read.as_of
    if age < -MAX_CLOCK_AHEAD:
        return Withheld("the figures are of a moment that is still to come", by_limit=True)
    if age > spec.max_data_age:
        seconds = int(age.total_seconds())
        reason = f"the figures were {seconds} s old once it was written down, max_data_age is exceeded"
        return Withheld(reason, by_limit=True)
    for state in (
        _newest_state(sized_on, current, permissions_of=sized_on),
        _newest_state(sized_on, current, permissions_of=current),
    ):
        found = revalidate(state, intent, specs, settings, now)
        if isinstance(found, NotWanted):
            return Withheld(found.reason, found.by_limit)
    return None


def _newest_state(sized_on: AccountState, current: AccountState, *, permissions_of: AccountState) -> AccountState:
    """State with the newest of everything that is known, and with the key permissions of `permissions_of`."""
    has_newer = (
        sized_on.cross is not None and current.cross is not None and current.cross.as_of > sized_on.cross.as_of
    ) or (
        sized_on.isolated is not None
        and current.isolated is not None
        and current.isolated.as_of > sized_on.isolated.as_of
    )
    base = replace(current, wallets={**current.wallets, **sized_on.wallets}) if has_newer else sized_on
    return replace(
        base,
        intents=current.intents,
        commands=current.commands,
        health=current.health,
        keys=_newest_keys(sized_on.keys, permissions_of.keys, current.keys.owner),
        record_coverage=current.record_coverage,
        alerts=current.alerts,
    )


def _newest_keys(before: KeyState, read: KeyState, owner: OwnerRead | None) -> KeyState:
    """The keys as `read` has them, and as they were `before` where it has nothing."""
    return KeyState(
        is_accepted=before.is_accepted if read.is_accepted is None else read.is_accepted,
        permissions=read.permissions or before.permissions,
        is_action_key_accepted=(
            before.is_action_key_accepted if read.is_action_key_accepted is None else read.is_action_key_accepted
        ),
        action_permissions=read.action_permissions or before.action_permissions,
        owner=owner,
    )
