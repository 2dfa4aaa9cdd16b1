"""The look between the claim of an order and its one request: does everything that it stands on still hold?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from monitor.core.actions.revalidation import NoLonger, recheck
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.valuation import AHEAD
from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent
from monitor.core.model.order import Withheld
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState


def last_look(
    sized: AccountState,
    current: AccountState,
    claimed: Intent,
    specs: Sequence[ActionSpec],
    settings: Settings,
    now: datetime,
) -> Withheld | None:
    """Why the order must not leave any more; None where it may.

    `sized` is the state that the order was sized on, `current` the newest one. The figures of both have to allow it,
    and those it was sized on must not be older than its action takes.
    """
    spec = next((spec for spec in specs if claimed.made_by(spec.name)), None)
    if spec is None:
        return Withheld("its action is not configured to send any more")
    read = sized.cross if claimed.helps == CROSS else sized.isolated
    if read is None:
        return Withheld("the figures that it was sized on are not known")
    age = now - read.as_of
    if age < -AHEAD:
        return Withheld("the figures are of a moment that is still to come", by_limit=True)
    if age > spec.max_data_age:
        seconds = int(age.total_seconds())
        reason = f"the figures were {seconds} s old once it was written down, max_data_age is exceeded"
        return Withheld(reason, by_limit=True)
    for state in (_newest(sized, current, keys=sized), _newest(sized, current, keys=current)):
        found = recheck(state, claimed, specs, settings, now)
        if isinstance(found, NoLonger):
            return Withheld(found.reason, found.by_limit)
    return None


def _newest(sized: AccountState, current: AccountState, *, keys: AccountState) -> AccountState:
    """The newest that is known of everything, with what the keys may do according to `keys`."""
    has_newer = (sized.cross is not None and current.cross is not None and current.cross.as_of > sized.cross.as_of) or (
        sized.isolated is not None and current.isolated is not None and current.isolated.as_of > sized.isolated.as_of
    )
    base = replace(current, wallets={**current.wallets, **sized.wallets}) if has_newer else sized
    return replace(
        base,
        intents=current.intents,
        operator=current.operator,
        health=current.health,
        owner=current.owner,
        record=current.record,
        alerts=current.alerts,
        key_accepted=sized.key_accepted if keys.key_accepted is None else keys.key_accepted,
        key=keys.key or sized.key,
        action_key_accepted=(
            sized.action_key_accepted if keys.action_key_accepted is None else keys.action_key_accepted
        ),
        action_key=keys.action_key or sized.action_key,
    )
