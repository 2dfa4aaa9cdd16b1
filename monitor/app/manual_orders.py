"""Sends what a person ordered from the command line: recorded first, sent once, then looked into for a moment."""

import asyncio
import logging
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from monitor.clock import Clock
from monitor.core.actions.permissions import forbidden, stranger
from monitor.core.actions.revalidation import balances
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Accepted, ByName, Order, Outcome, Refused, Transfer, Unknown, Withheld
from monitor.core.model.safety import Safety
from monitor.core.numbers.amounts import ZERO
from monitor.core.settlement.observation import Look
from monitor.core.settlement.transitions import ABANDONED_AFTER, answered, judged
from monitor.core.settlement.verification import judge
from monitor.core.state.account_state import AccountState
from monitor.errors import ExchangeError, KeyInvalid, MonitorError, OrderRefused, StoreError
from monitor.exchange.binance.api.function import Change
from monitor.exchange.binance.api.order_mapping import MEETS, hop_parameters, hops, order_of
from monitor.exchange.binance.api.response import Answer, NotSent, Sent
from monitor.exchange.binance.api.transfers import make_universal_transfer, query_universal_transfer_history
from monitor.exchange.binance.binance_account import BinanceAccount
from monitor.exchange.binance.operations.transfers import NO_SUCH_WAY
from monitor.exchange.binance.signing import Parameters
from monitor.runtime import pause_file
from monitor.runtime.orders.order_reads import Snapshots, read_rights
from monitor.store.store import OrderStore
from monitor.store.writes import commands, manual_intents
from monitor.store.writes import intents as intent_rows

log = logging.getLogger(__name__)

LOOKS_AFTER_S = (0.0, 0.5, 1.0, 2.0, 3.0)
"""Exchange seconds before each look at what was accepted. What is not proven by then is left to the daemon."""

SEND_WITHIN = ABANDONED_AFTER / 2
"""No request is begun later than this after its record: it must be over before others take it for gone."""

PRICED_IN = "USDT"

AnyChange = Change[Any, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a change: the outcome of its last request, that request's answer, and what to tell of the rest."""

    outcome: Outcome
    answer: Answer | None
    notes: tuple[str, ...] = ()


class ByHand:
    """One account's changes by hand. Without a database nothing can be recorded, and nothing else is in the way."""

    def __init__(
        self, account: str, exchange: BinanceAccount, store: OrderStore | None, clock: Clock, safety: Safety
    ) -> None:
        self._account = account
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._safety = safety
        self._snapshots = Snapshots(exchange, clock, lambda event: None)

    async def carry_out(self, function: AnyChange, given: Parameters) -> Done:
        """Send the change, and the two hops of a transfer whose direct way the exchange does not have.

        Raises OrderRefused, with nothing sent, while actions are paused, the key may not do it, it belongs to another
        account, or an equal one is under way; ExchangeError when the balances before it can't be read; ValueError for
        an amount that is none.
        """
        done = await self._one(function, function.asked(given))
        ways = hops(function.asked(given))
        if ways is None or not isinstance(done.outcome, Refused) or done.outcome.code not in NO_SUCH_WAY:
            return done
        notes = ["the exchange has no direct way: by cross margin, in two transfers"]
        first, second = (hop_parameters(way, function.asked(given)) for way in ways)
        done = await self._one(make_universal_transfer, first)
        if not isinstance(done.outcome, Accepted):
            return Done(done.outcome, done.answer, (*notes, *done.notes))
        left = f"{first['amount']} {first['asset']} are in cross margin: transfer {done.outcome.ref} was made"
        notes += done.notes
        try:
            if not await self._has_arrived(first, done.outcome.ref):
                cause = f"transfer {done.outcome.ref} into cross margin is not confirmed yet: the second was not sent"
                return Done(Unknown(cause), done.answer, tuple(notes))
            last = await self._one(make_universal_transfer, second)
        except MonitorError as error:
            error.mend = f"{left}, the second was not sent"
            raise
        if not isinstance(last.outcome, Accepted):
            notes.append(f"{left}, the second did not take them further")
        # Without a database both say so in the same words.
        return Done(last.outcome, last.answer, tuple(dict.fromkeys((*notes, *last.notes))))

    async def _one(self, function: AnyChange, asked: Parameters) -> Done:
        order = order_of(function, asked)
        if self._store is None:
            try:
                sent = await self._send(function, asked, None)
            except NotSent as stopped:
                raise _refused(stopped) from stopped
            return Done(sent.outcome, sent.answer, ("there is no database: this is recorded nowhere",))
        self._store.order(manual_intents.give_up_lost, self._clock.now(), self._safety.unresolved_after)
        wished = self._wished(function, asked, order)
        if isinstance(order, ByName):
            return await self._by_name(self._store, function, asked, wished)
        return await self._as_order(self._store, function, asked, wished, order)

    async def _by_name(self, store: OrderStore, function: AnyChange, asked: Parameters, wished: Intent) -> Done:
        """Recorded, sent, and settled by what the exchange answers: nothing else tells what became of it."""
        wished = replace(wished, amount_usdt=await self._worth(wished.asset, wished.amount, function.kind == "order"))
        intent = store.order(manual_intents.begin_intent, wished, self._clock.now(), MEETS.get(function.kind, ""))
        sent = await self._send_recorded(store, intent, function, asked)
        ended = store.order(manual_intents.end_by_name, intent.id, sent.outcome, self._clock.now())
        notes: tuple[str, ...] = (f"recorded as intent {ended.id}",)
        if ended.state is IntentState.UNRESOLVED:
            notes = (*notes, f"once you know: margin-monitor actions resolve {ended.id} --as confirmed|failed")
        return Done(sent.outcome, sent.answer, notes)

    async def _as_order(
        self, store: OrderStore, function: AnyChange, asked: Parameters, wished: Intent, order: Order
    ) -> Done:
        """Recorded, sent, and looked into as every other order is."""
        state = AccountState(account=self._account, started_at=self._clock.now())
        worth = await self._worth(order.asset, order.amount)
        before = balances(await self._snapshots.refresh(state, wished), order)
        wished = replace(
            wished,
            amount_usdt=worth,
            owed_before=before.owed,
            free_before=before.free,
            source_before=before.source,
        )
        at = self._clock.now()
        wished = replace(wished, submitted_at=at)
        intent = store.order(manual_intents.begin_intent, wished, at)
        sent = await self._send_recorded(store, intent, function, asked)
        moved = answered(intent, sent.outcome, self._clock.now())
        store.order(manual_intents.move_intent, moved.intent, moved.step)
        notes: tuple[str, ...] = (f"recorded as intent {intent.id}",)
        if moved.intent.state is IntentState.ACKNOWLEDGED and not await self._proven(store, moved.intent, state):
            notes = (*notes, "accepted, and not proven yet: a running daemon goes on looking")
        return Done(sent.outcome, sent.answer, notes)

    def _wished(self, function: AnyChange, asked: Parameters, order: Order | ByName) -> Intent:
        words = " ".join(f"{name}={value}" for name, value in asked.items())
        return Intent(
            id=0,
            plan=None,
            action=function.name,
            kind="transfer_in" if isinstance(order, Transfer) else function.kind,
            mode="manual",
            account=self._account,
            order=order,
            state=IntentState.PLANNED,
            amount_usdt=ZERO,
            created_at=self._clock.now(),
            reason=f"ordered by hand: {words}",
        )

    async def _worth(self, asset: str, amount: Decimal, of_pair: bool = False) -> Decimal:
        """The amount in USDT, of the base asset where `asset` is a pair; zero where there is no price for it."""
        if asset == PRICED_IN or not amount:
            return amount
        symbol = asset if of_pair else f"{asset}{PRICED_IN}"
        if not symbol.endswith(PRICED_IN):
            return ZERO
        try:
            prices = await self._exchange.read_prices([symbol])
        except ExchangeError:
            return ZERO
        price = prices.get(symbol)
        return ZERO if price is None else amount * price.value

    async def _send_recorded(
        self, store: OrderStore, intent: Intent, function: AnyChange, asked: Parameters
    ) -> Sent[Any]:
        """The one request of an intent. Raises OrderRefused, and the intent expires, where none was made."""
        try:
            return await self._send(function, asked, intent)
        except NotSent as stopped:
            moved = answered(intent, stopped.withheld, self._clock.now())
            store.order(manual_intents.move_intent, moved.intent, moved.step)
            raise _refused(stopped) from stopped

    async def _send(self, function: AnyChange, asked: Parameters, intent: Intent | None) -> Sent[Any]:
        """The one request, of the intent where one is recorded. Whoever interrupts it waits for the answer first.

        Raises NotSent where actions are paused, the intent was given up, or the key is not the one to send it with.
        """
        known = await self._objection_of_keys(function)
        sending = asyncio.ensure_future(self._exchange.send(function, asked, lambda: known or self._objection(intent)))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            return await sending

    async def _objection_of_keys(self, function: AnyChange) -> Withheld | None:
        """What speaks against the key that sends. Where its rights can't be read the exchange itself judges them."""
        own = self._exchange.acts_with_own_key
        try:
            acting = await read_rights(self._exchange, None, acting=True)
            reading = await read_rights(self._exchange, None, acting=False) if own else acting
        except KeyInvalid as error:
            return Withheld(f"the exchange refuses the key ({error.message})")
        except ExchangeError as error:
            return Withheld(f"whose account the action key belongs to can't be read ({error.message})") if own else None
        reason = (stranger(reading.uid, acting.uid) if own else None) or forbidden(acting, function.kind)
        return None if reason is None else Withheld(reason)

    def _objection(self, intent: Intent | None) -> Withheld | None:
        """Why it must not leave any more, asked when the next thing is to send.

        A person may have paused all actions, or this command stood still until others took it for gone: what it was
        to do may have been done by another order.
        """
        if pause_file.is_there(self._safety.pause_file):
            return Withheld(f"actions are paused by {self._safety.pause_file}")
        if self._store is None:
            return None
        try:
            is_paused, state = self._store.read(commands.standing, None if intent is None else intent.id)
        except StoreError as error:
            return Withheld(f"whether actions are paused can't be read ({error.message})")
        if is_paused:
            return Withheld("actions are paused")
        if intent is None:
            return None
        if state is not IntentState.SUBMITTING:
            return Withheld(f"it took so long that it was given up (intent {intent.id} is {state or 'gone'})")
        if (waited := self._clock.now() - intent.created_at) > SEND_WITHIN:
            return Withheld(f"it was recorded {int(waited.total_seconds())} s ago, which is too long to send it still")
        return None

    async def _proven(self, store: OrderStore, intent: Intent, state: AccountState) -> bool:
        """Whether records and balances showed within a few looks that it was done, and that is recorded."""
        looks: list[Look] = []
        for pause_s in LOOKS_AFTER_S:
            await self._clock.sleep(pause_s)
            try:
                look, _ = await self._snapshots.look(state, intent)
            except ExchangeError as error:
                log.warning("intent.not_looked account=%s intent=%d cause=%s", intent.account, intent.id, error)
                continue
            looks.append(look)
            now = self._clock.now()
            recent = store.order(intent_rows.recent, intent.account, now)
            taken = frozenset(one.ref for one in recent if one.ref is not None and one.id != intent.id)
            moved = judged(intent, judge(intent, looks, self._safety, now, taken), now)
            if moved is not None:
                store.order(manual_intents.move_intent, moved.intent, moved.step)
                return True
        return False

    async def _has_arrived(self, asked: Parameters, ref: str) -> bool:
        """Whether the exchange's history shows the transfer as done within a few looks."""
        leaves, enters = asked.get("fromSymbol"), asked.get("toSymbol")
        for pause_s in LOOKS_AFTER_S:
            await self._clock.sleep(pause_s)
            page = await query_universal_transfer_history(
                self._exchange.reading,
                type=str(asked["type"]),
                from_symbol=None if leaves is None else str(leaves),
                to_symbol=None if enters is None else str(enters),
            )
            if any(str(row.tran_id) == ref and row.status == "CONFIRMED" for row in page.rows):
                return True
        return False


def _refused(stopped: NotSent) -> OrderRefused:
    return OrderRefused(f"{stopped.withheld.reason}: nothing was sent")
