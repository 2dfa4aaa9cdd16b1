"""Manual orders from the command line: recorded first, sent once, then observed for a moment."""

import asyncio
import logging
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from monitor.clock import Clock
from monitor.core.actions.permissions import key_owner_objection, permission_objection
from monitor.core.actions.revalidation import order_balances
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Accepted, ManualCall, Order, Outcome, Refused, Transfer, Unknown, Withheld
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.numbers.amounts import ZERO
from monitor.core.settlement.observation import Observation
from monitor.core.settlement.transitions import ABANDONED_AFTER, apply_outcome, apply_verdict
from monitor.core.settlement.verification import verify
from monitor.core.state.account_state import AccountState
from monitor.errors import CommandRefused, ExchangeError, KeyInvalid, MonitorError, StoreError
from monitor.exchange.binance.api.endpoint_function import WriteFunction
from monitor.exchange.binance.api.order_mapping import CONFLICTING_KINDS, leg_params, order_from_request, split_transfer
from monitor.exchange.binance.api.response import ApiResponse, RequestWithheld, WriteResult
from monitor.exchange.binance.api.transfers import make_universal_transfer, query_universal_transfer_history
from monitor.exchange.binance.binance_account import BinanceAccount
from monitor.exchange.binance.operations.transfers import NO_SUCH_ROUTE_CODES
from monitor.exchange.binance.signing import Parameters
from monitor.runtime import pause_file
from monitor.runtime.orders.order_reads import OrderReads, read_key_permissions
from monitor.store.command_store import CommandStore
from monitor.store.writes import commands, manual_intents
from monitor.store.writes import intents as intent_rows

log = logging.getLogger(__name__)

OBSERVE_AFTER_S = (0.0, 0.5, 1.0, 2.0, 3.0)
"""Exchange seconds before each observation of an accepted order. After that the daemon observes it."""

MAX_SEND_DELAY = ABANDONED_AFTER / 2
"""The latest start of a request after its record: it must be over before others take its sender for gone."""

VALUE_ASSET = "USDT"

AnyWriteFunction = WriteFunction[Any, Any]


@dataclass(frozen=True, slots=True)
class ManualResult:
    """The result of a change: outcome and answer of its last request, and notes on the others."""

    outcome: Outcome
    answer: ApiResponse | None
    notes: tuple[str, ...] = ()


class ManualOrders:
    """Manual orders of one account. Without a database nothing is recorded; only pause file and keys are checked."""

    def __init__(
        self, account: str, exchange: BinanceAccount, store: CommandStore | None, clock: Clock, safety: SafetySettings
    ) -> None:
        self._account = account
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._safety = safety
        self._order_reads = OrderReads(exchange, clock, lambda event: None)

    async def carry_out(self, function: AnyWriteFunction, values: Parameters) -> ManualResult:
        """Send the change, and both transfers where the exchange has no direct route.

        Raises CommandRefused, with nothing sent, while actions are paused, the key lacks the permission, it belongs to
        another account, or an equal order is in flight; ExchangeError when the balances before it can't be read;
        ValueError for an invalid amount.
        """
        result = await self._send_one(function, function.request_params(values))
        legs = split_transfer(function.request_params(values))
        if legs is None or not isinstance(result.outcome, Refused) or result.outcome.code not in NO_SUCH_ROUTE_CODES:
            return result
        notes = ["the exchange has no direct way: by cross margin, in two transfers"]
        first, second = (leg_params(way, function.request_params(values)) for way in legs)
        result = await self._send_one(make_universal_transfer, first)
        if not isinstance(result.outcome, Accepted):
            return ManualResult(result.outcome, result.answer, (*notes, *result.notes))
        left = f"{first['amount']} {first['asset']} are in cross margin: transfer {result.outcome.ref} was made"
        notes += result.notes
        try:
            if not await self._has_arrived(first, result.outcome.ref):
                cause = f"transfer {result.outcome.ref} into cross margin is not confirmed yet: the second was not sent"
                return ManualResult(Unknown(cause), result.answer, tuple(notes))
            last = await self._send_one(make_universal_transfer, second)
        except MonitorError as error:
            error.mend = f"{left}, the second was not sent"
            raise
        if not isinstance(last.outcome, Accepted):
            notes.append(f"{left}, the second did not take them further")
        # Without a database both have the same notes.
        return ManualResult(last.outcome, last.answer, tuple(dict.fromkeys((*notes, *last.notes))))

    async def _send_one(self, function: AnyWriteFunction, params: Parameters) -> ManualResult:
        order = order_from_request(function, params)
        if self._store is None:
            try:
                sent = await self._send(function, params, None)
            except RequestWithheld as stopped:
                raise _command_refused(stopped) from stopped
            return ManualResult(sent.outcome, sent.response, ("there is no database: this is recorded nowhere",))
        self._store.execute(manual_intents.settle_abandoned, self._clock.now(), self._safety.unresolved_after)
        intent = self._new_intent(function, params, order)
        if isinstance(order, ManualCall):
            return await self._send_manual_call(self._store, function, params, intent)
        return await self._send_order(self._store, function, params, intent, order)

    async def _send_manual_call(
        self, store: CommandStore, function: AnyWriteFunction, params: Parameters, draft: Intent
    ) -> ManualResult:
        """Record and send a manual call, and settle it by the exchange's answer, which is the only evidence."""
        draft = replace(draft, amount_usdt=await self._usdt_value(draft.asset, draft.amount, function.kind == "order"))
        intent = store.execute(
            manual_intents.claim_manual_intent, draft, self._clock.now(), CONFLICTING_KINDS.get(function.kind, "")
        )
        sent = await self._send_recorded(store, intent, function, params)
        ended = store.execute(manual_intents.finish_manual_call, intent.id, sent.outcome, self._clock.now())
        notes: tuple[str, ...] = (f"recorded as intent {ended.id}",)
        if ended.state is IntentState.UNRESOLVED:
            notes = (*notes, f"once you know: margin-monitor actions resolve {ended.id} --as confirmed|failed")
        return ManualResult(sent.outcome, sent.response, notes)

    async def _send_order(
        self, store: CommandStore, function: AnyWriteFunction, params: Parameters, draft: Intent, order: Order
    ) -> ManualResult:
        """Record, send and observe an order like every other one."""
        state = AccountState(account=self._account, started_at=self._clock.now())
        worth = await self._usdt_value(order.asset, order.amount)
        before = order_balances(await self._order_reads.refresh_scopes(state, draft), order)
        draft = replace(
            draft,
            amount_usdt=worth,
            owed_before=before.owed,
            free_before=before.free,
            source_before=before.source,
        )
        at = self._clock.now()
        draft = replace(draft, submitted_at=at)
        intent = store.execute(manual_intents.claim_manual_intent, draft, at)
        sent = await self._send_recorded(store, intent, function, params)
        moved = apply_outcome(intent, sent.outcome, self._clock.now())
        store.execute(manual_intents.record_manual_step, moved.intent, moved.step)
        notes: tuple[str, ...] = (f"recorded as intent {intent.id}",)
        if moved.intent.state is IntentState.ACKNOWLEDGED and not await self._is_proven(store, moved.intent, state):
            notes = (*notes, "accepted, and not proven yet: a running daemon goes on looking")
        return ManualResult(sent.outcome, sent.response, notes)

    def _new_intent(self, function: AnyWriteFunction, params: Parameters, order: Order | ManualCall) -> Intent:
        words = " ".join(f"{name}={value}" for name, value in params.items())
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

    async def _usdt_value(self, asset: str, amount: Decimal, of_pair: bool = False) -> Decimal:
        """Return the amount in USDT, of the base asset where `asset` is a pair; zero where there is no price."""
        if asset == VALUE_ASSET or not amount:
            return amount
        symbol = asset if of_pair else f"{asset}{VALUE_ASSET}"
        if not symbol.endswith(VALUE_ASSET):
            return ZERO
        try:
            prices = await self._exchange.read_prices([symbol])
        except ExchangeError:
            return ZERO
        price = prices.get(symbol)
        return ZERO if price is None else amount * price.value

    async def _send_recorded(
        self, store: CommandStore, intent: Intent, function: AnyWriteFunction, params: Parameters
    ) -> WriteResult[Any]:
        """Send the one request of an intent. Raises CommandRefused, and the intent expires, where none was sent."""
        try:
            return await self._send(function, params, intent)
        except RequestWithheld as stopped:
            moved = apply_outcome(intent, stopped.withheld, self._clock.now())
            store.execute(manual_intents.record_manual_step, moved.intent, moved.step)
            raise _command_refused(stopped) from stopped

    async def _send(self, function: AnyWriteFunction, params: Parameters, intent: Intent | None) -> WriteResult[Any]:
        """Send the one request, of the recorded intent if there is one. An interruption waits for the answer first.

        Raises RequestWithheld where actions are paused, the intent was abandoned, or the key is the wrong one.
        """
        known = await self._objection_of_keys(function)
        sending = asyncio.ensure_future(
            self._exchange.send_function(function, params, lambda: known or self._objection(intent))
        )
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            return await sending

    async def _objection_of_keys(self, function: AnyWriteFunction) -> Withheld | None:
        """Return why the key must not send. Where its permissions can't be read the exchange itself checks them."""
        own = self._exchange.acts_with_own_key
        try:
            acting = await read_key_permissions(self._exchange, None, is_action_key=True)
            reading = await read_key_permissions(self._exchange, None, is_action_key=False) if own else acting
        except KeyInvalid as error:
            return Withheld(f"the exchange refuses the key ({error.message})")
        except ExchangeError as error:
            return Withheld(f"whose account the action key belongs to can't be read ({error.message})") if own else None
        reason = (key_owner_objection(reading.uid, acting.uid) if own else None) or permission_objection(
            acting, function.kind
        )
        return None if reason is None else Withheld(reason)

    def _objection(self, intent: Intent | None) -> Withheld | None:
        """Return why the order must not be sent any more, called right before sending.

        A person may have paused all actions. Or this command stopped for so long that others took it for gone, and
        another order may have done its work.
        """
        if pause_file.exists(self._safety.pause_file):
            return Withheld(f"actions are paused by {self._safety.pause_file}")
        if self._store is None:
            return None
        try:
            is_paused, state = self._store.read(commands.read_pause_and_state, None if intent is None else intent.id)
        except StoreError as error:
            return Withheld(f"whether actions are paused can't be read ({error.message})")
        if is_paused:
            return Withheld("actions are paused")
        if intent is None:
            return None
        if state is not IntentState.SUBMITTING:
            return Withheld(f"it took so long that it was given up (intent {intent.id} is {state or 'gone'})")
        if (waited := self._clock.now() - intent.created_at) > MAX_SEND_DELAY:
            return Withheld(f"it was recorded {int(waited.total_seconds())} s ago, which is too long to send it still")
        return None

    async def _is_proven(self, store: CommandStore, intent: Intent, state: AccountState) -> bool:
        """Return whether a few observations of records and balances proved the order, and that is recorded."""
        looks: list[Observation] = []
        for pause_s in OBSERVE_AFTER_S:
            await self._clock.sleep(pause_s)
            try:
                look, _ = await self._order_reads.observe(state, intent)
            except ExchangeError as error:
                log.warning("intent.not_looked account=%s intent=%d cause=%s", intent.account, intent.id, error)
                continue
            looks.append(look)
            now = self._clock.now()
            recent = store.execute(intent_rows.read_recent, intent.account, now)
            claimed_refs = frozenset(other.ref for other in recent if other.ref is not None and other.id != intent.id)
            moved = apply_verdict(intent, verify(intent, looks, self._safety, now, claimed_refs), now)
            if moved is not None:
                store.execute(manual_intents.record_manual_step, moved.intent, moved.step)
                return True
        return False

    async def _has_arrived(self, params: Parameters, ref: str) -> bool:
        """Return whether the exchange's history shows the transfer as done within a few observations."""
        from_symbol, to_symbol = params.get("fromSymbol"), params.get("toSymbol")
        for pause_s in OBSERVE_AFTER_S:
            await self._clock.sleep(pause_s)
            page = await query_universal_transfer_history(
                self._exchange.read_transport,
                type=str(params["type"]),
                from_symbol=None if from_symbol is None else str(from_symbol),
                to_symbol=None if to_symbol is None else str(to_symbol),
            )
            if any(str(row.tran_id) == ref and row.status == "CONFIRMED" for row in page.rows):
                return True
        return False


def _command_refused(stopped: RequestWithheld) -> CommandRefused:
    return CommandRefused(f"{stopped.withheld.reason}: nothing was sent")
