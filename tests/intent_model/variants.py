"""The kinds of orders, and the ways in which the story of one can go."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS, Balance, Scope
from tests.intent_model.simulated_account import LOCKED, LONG, PAIR, SHORT, SimulatedAccount, Trace
from tests.support.examples.actions import cancel_spec, reduce_spec, repay_spec, transfer_spec

Mode = Literal["dry-run", "approve", "live"]
Answer = Literal["approved", "rejected", "silence"]
Change = Literal["none", "no use", "paused", "stale", "may withdraw"]
Reply = Literal["accepted", "refused", "transient", "lost", "withheld"]
"""`withheld`: the last look before the request found a reason against it."""
Execution = Literal["at once", "late", "after it failed", "never"]
Crash = Literal["none", "claimed", "sent", "answered", "asked"]
Verdict = Literal["nobody", "confirmed", "failed"]


@dataclass(frozen=True)
class IntentKind:
    """What is ordered: the action, where, on which balances, and how many orders of it come first."""

    name: str
    spec: ActionSpec
    scope: Scope = CROSS
    rows: tuple[Balance, ...] = LONG
    firsts: int = 0

    def simulated_account(self) -> SimulatedAccount:
        return SimulatedAccount(self.scope, *self.rows)

    @property
    def leaves_a_ledger_row(self) -> bool:
        return self.spec.kind in ("repay", "transfer_in") or self.firsts > 0

    def __hash__(self) -> int:
        return hash(self.name)


_FROM_SPOT, _FROM_FUNDING = transfer_spec(source=("spot",)), transfer_spec(source=("funding",))

KINDS = (
    IntentKind("repay", repay_spec()),
    IntentKind("repay in a pair", repay_spec(), PAIR),
    IntentKind("transfer from spot", _FROM_SPOT),
    IntentKind("transfer from funding", _FROM_FUNDING),
    IntentKind("transfer as collateral", transfer_spec(use="collateral")),
    IntentKind("transfer into a pair", _FROM_SPOT, PAIR),
    IntentKind("first hop", _FROM_FUNDING, PAIR),
    IntentKind("second hop", _FROM_FUNDING, PAIR, firsts=1),
    IntentKind("repay after a transfer", _FROM_SPOT, firsts=1),
    IntentKind("repay after a transfer into a pair", _FROM_SPOT, PAIR, firsts=1),
    IntentKind("repay after two hops", _FROM_FUNDING, PAIR, firsts=2),
    IntentKind("sell", reduce_spec()),
    IntentKind("buy back", reduce_spec(), rows=SHORT),
    IntentKind("repay after a sale", reduce_spec(), firsts=1),
    IntentKind("repay after buying back", reduce_spec(), rows=SHORT, firsts=1),
    IntentKind("cancel orders", cancel_spec(), rows=LOCKED),
)


@dataclass(frozen=True)
class Variant:
    """One way it can go."""

    kind: IntentKind
    mode: Mode
    answer: Answer = "approved"
    change: Change = "none"
    reply: Reply = "accepted"
    execution: Execution = "at once"
    trace: Trace = "prompt"
    crash: Crash = "none"
    person: Verdict = "nobody"


def variants_after_claim(story: Variant) -> Iterator[Variant]:
    """Every way on from the claim that does not hang on how another one goes, without those that can't differ."""
    traces: tuple[Trace, ...] = ("prompt", "lagging", "pending", "failed", "wrong", "ledger", "missing", "dark")
    if not story.kind.leaves_a_ledger_row:
        # An order on the market bears its name, so the exchange does not contradict itself; no ledger is asked.
        traces = ("prompt", "lagging", "pending", "failed", "missing")
    executions: tuple[Execution, ...] = ("at once", "late", "never")
    # Nothing left: no answer, and nothing that could be carried out or recorded.
    yield from (replace(story, crash="claimed", execution="never", trace=t) for t in ("missing", traces[-1]))
    # Refused, or never asked for, and written down: that is the end.
    yield from (replace(story, reply=reply) for reply in _REFUSALS)
    for trace, execution in product(traces, executions):
        if (trace, execution) == ("wrong", "never"):
            continue  # it is not wrong then
        way = replace(story, execution=execution, trace=trace)
        # An answer that nobody heard is one that was lost.
        yield replace(way, reply="lost", crash="sent")
        yield from (replace(way, reply=reply, crash=crash) for reply, crash in product(_TAKEN, _AFTER))


_REFUSALS: tuple[Reply, ...] = ("refused", "transient", "withheld")
_TAKEN: tuple[Reply, ...] = ("accepted", "lost")
_AFTER: tuple[Crash, ...] = ("none", "answered")
