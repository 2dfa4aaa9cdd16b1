"""The REST door: bans, faults, weights, keys, time and signature, then the endpoint; and how answers leave."""

import asyncio
import inspect
from dataclasses import dataclass
from decimal import Decimal
from email.utils import formatdate

import msgspec
from aiohttp import web

from monitor.sandbox.api import authentication
from monitor.sandbox.api.errors import Refusal
from monitor.sandbox.api.parameters import Params
from monitor.sandbox.api.weights import Meter, banned
from monitor.sandbox.endpoints import (
    accounts,
    dust,
    liabilities,
    loans,
    market_data,
    order_lists,
    orders,
    reference_data,
    stream_keys,
    transfers,
    wallets,
)
from monitor.sandbox.endpoints.registry import ENDPOINTS, NOTHING, Call, Endpoint, UserStreams
from monitor.sandbox.endpoints.retired_paths import no_such_path
from monitor.sandbox.faults import Fault, FaultScript
from monitor.sandbox.http.corruption import spoil
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.sandbox.ledger.accounts import Account
from monitor.sandbox.scenario.scenario import KeySpec
from monitor.sandbox.simulation_loop import Clockwork
from monitor.sandbox.venue import Venue

# Importing the topics fills the table of endpoints.
TOPICS = (
    accounts, dust, liabilities, loans, order_lists, orders, market_data, reference_data, stream_keys, transfers, wallets,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as it came over the wire."""

    method: str
    path: str
    query: str
    body: str
    api_key: str
    address: str
    params: dict[str, str]


class RestDoor:
    """Answers every REST request and records it."""

    def __init__(
        self, venue: Venue, clockwork: Clockwork, meter: Meter, script: FaultScript, user_streams: UserStreams
    ) -> None:
        self._venue = venue
        self._clockwork = clockwork
        self._meter = meter
        self._script = script
        self._user_streams = user_streams
        self._closing = asyncio.Event()
        self._late: set[asyncio.Task[object]] = set()
        self.requests: list[ReceivedRequest] = []

    async def close(self) -> None:
        """Let go of hanging requests."""
        self._closing.set()
        for task in list(self._late):
            task.cancel()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or cut it as a fault says."""
        self._clockwork.catch_up()
        asked = await _read(request)
        known = self._venue.keys.get(asked.api_key)
        owner = "" if known is None else known[0].name
        record = ReceivedRequest(
            self._venue.now_ms(),
            asked.method,
            asked.path,
            {name: value for name, value in asked.params.items() if name != "signature"},
            owner,
            asked.api_key,
        )
        self.requests.append(record)
        fault = self._script.strike(asked.method, asked.path, asked.params, owner, request.url.host or "")
        if fault is not None:
            record.fault = fault.what
            record.form = fault.form if fault.what == "malformed" else ""
        response = await self._respond(asked, record, fault)
        if response is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        record.status = response.status
        response.headers["Date"] = formatdate(self._venue.now_ms() / 1000, usegmt=True)
        return response

    async def _respond(self, asked: _Asked, record: ReceivedRequest, fault: Fault | None) -> web.Response | None:
        """The answer, or None when the connection is to be cut."""
        try:
            if fault is not None and fault.what == "cut_before":
                return None
            if fault is not None and fault.what == "hang":
                await self._closing.wait()
                return None
            if fault is not None and fault.what == "apply_late":
                self._apply_later(asked, record, fault.seconds)
                return None
            if fault is not None and fault.what == "status" and not fault.applies:
                return _scripted(fault)
            refusal = self._forced(asked, fault)
            if refusal is not None:
                raise refusal
            response = await self._answer(asked, record, fault)
        except Refusal as error:
            record.code = error.code
            response = _json({"code": error.code, "msg": error.message}, error.status)
            response.headers.update(error.headers)
        if fault is None:
            return response
        if fault.what == "take_more" and record.applied:
            record.taken = self._take_more(asked, fault)
        if fault.what == "cut_after":
            return None
        if fault.what == "delay":
            await _sleep_or_end(fault.seconds, self._closing, self._script.cleared)
        if fault.what == "malformed":
            return spoil(response, fault.form)
        if fault.what == "status":
            return _scripted(fault)
        return response

    def _forced(self, asked: _Asked, fault: Fault | None) -> Refusal | None:
        now = self._venue.now_ms()
        if fault is None:
            return None
        match fault.what:
            case "ban":
                until = now + int(fault.seconds * 1000)
                self._meter.ban(asked.address, until)
                return banned(until, now)
            case "limit":
                wait = {"Retry-After": str(max(1, round(fault.seconds)))}
                return Refusal(-1003, "Too much request weight used.", status=429, headers=wait)
            case "maintenance":
                return Refusal(-1016, "This service is no longer available.", status=503)
            case "key_revoked" | "ip_refused":
                return self._refused_key()
        return None

    async def _answer(self, asked: _Asked, record: ReceivedRequest, fault: Fault | None) -> web.Response:
        endpoint = ENDPOINTS.get((asked.method, asked.path))
        if endpoint is None:
            return no_such_path(asked.method, asked.path, self._venue.scenario.readings)
        now = self._venue.now_ms()
        self._meter.check_ban(asked.address, now)
        owner, key = self._venue.keys.get(asked.api_key, (None, None))
        call = Call(self._venue, Params(asked.params), owner, key, self._user_streams)
        charge = self._meter.charge(asked.path, endpoint.weight(call), asked.address, record.account, now)
        headers = {charge.header: str(charge.used)}
        if charge.header == "X-MBX-USED-WEIGHT-1M":
            headers["X-MBX-USED-WEIGHT"] = str(charge.used)
        try:
            skew_ms = int(fault.seconds * 1000) if fault is not None and fault.what == "clock_skew" else None
            if endpoint.calls_a_minute is not None:
                self._meter.count_call(asked.path, endpoint.calls_a_minute, asked.address, now)
            self._admit(asked, endpoint, owner, key, skew_ms)
            params = Params.parse(asked.query, asked.body, repeats=endpoint.repeats)
            call = Call(self._venue, params, owner, key, self._user_streams)
            answer = endpoint.answer(call)
            if inspect.isawaitable(answer):
                answer = await answer
        except Refusal as error:
            error.headers.update(headers)
            raise
        _carried_out(record, answer)
        self._clockwork.settle()
        if skew_ms and isinstance(answer, dict) and "serverTime" in answer:
            answer = {**answer, "serverTime": self._venue.now_ms() + skew_ms}
        response = _json(answer)
        response.headers.update(headers)
        return response

    def _admit(
        self, asked: _Asked, endpoint: Endpoint, owner: Account | None, key: KeySpec | None, skew_ms: int | None
    ) -> None:
        """Refuse who may not ask, or does not ask in the right form."""
        if endpoint.security == "NONE":
            return
        readings = self._venue.scenario.readings
        if not authentication.well_formed(asked.api_key):
            raise Refusal(-2014, "API-key format invalid.", status=readings.key_refused_status)
        if owner is None or key is None:
            raise self._refused_key()
        allowed = key.permissions
        expired = allowed.expires is not None and self._venue.now_ms() >= allowed.expires.timestamp() * 1000
        if expired or not allowed.reading or (allowed.ip_restrict and asked.address not in allowed.ips):
            raise self._refused_key()
        if endpoint.security == "SIGNED" or (endpoint.security == "EITHER" and "signature" in asked.params):
            timeline = self._venue.timeline
            slack = timeline.slack_ms() if skew_ms is None else 0
            server_ms = self._venue.now_ms() + (skew_ms or 0)
            authentication.check_time(Params(asked.params), server_ms, speed=timeline.speed, slack_ms=slack)
            authentication.check_signature(key, asked.query, asked.body)
        if not getattr(allowed, endpoint.right):
            status = readings.key_refused_status
            raise Refusal(-1002, "You are not authorized to execute this request.", status=status)

    def _refused_key(self) -> Refusal:
        status = self._venue.scenario.readings.key_refused_status
        return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=status)

    def _take_more(self, asked: _Asked, fault: Fault) -> Decimal:
        """Take from the margin account that the order was about, as no exchange should. Returns how much."""
        owner, _ = self._venue.keys.get(asked.api_key, (None, None))
        asset, amount = asked.params.get("asset"), asked.params.get("amount")
        if owner is None or asset is None or amount is None:
            return Decimal(0)
        margin = owner.isolated.get(asked.params.get("symbol", ""), owner.cross)
        more = min(margin.wallet.free(asset), Decimal(amount) * Decimal(str(fault.share)))
        self._venue.books.pay(asset, more, margin.wallet, "world", "withdraw")
        self._clockwork.settle()
        return more

    def _apply_later(self, asked: _Asked, record: ReceivedRequest, seconds: float) -> None:
        owner, key = self._venue.keys.get(asked.api_key, (None, None))
        endpoint = ENDPOINTS.get((asked.method, asked.path))
        if endpoint is None:
            return
        # The signature is judged now, while it is fresh; later the request is only carried out.
        self._admit(asked, endpoint, owner, key, None)
        params = Params.parse(asked.query, asked.body, repeats=endpoint.repeats)
        late = Call(self._venue, params, owner, key, self._user_streams)

        async def carry_out() -> object:
            try:
                answer = endpoint.answer(late)
                if inspect.isawaitable(answer):
                    answer = await answer
                _carried_out(record, answer)
                self._clockwork.settle()
                return answer
            except Refusal as error:
                record.code = error.code
                return None

        def begin() -> None:
            task: asyncio.Task[object] = asyncio.ensure_future(carry_out())
            self._late.add(task)
            task.add_done_callback(self._late.discard)

        self._venue.at(self._venue.now_ms() + int(seconds * 1000), begin)


async def _read(request: web.Request) -> _Asked:
    path, _, query = request.raw_path.partition("?")
    body = await request.text() if request.can_read_body else ""
    try:
        endpoint = ENDPOINTS.get((request.method, path))
        params = Params.parse(query, body, repeats=() if endpoint is None else endpoint.repeats).values
    except Refusal:
        params = {}
    return _Asked(
        method=request.method,
        path=path,
        query=query,
        body=body,
        api_key=request.headers.get("X-MBX-APIKEY", ""),
        address=request.remote or "",
        params=params,
    )


async def _sleep_or_end(seconds: float, *ends: asyncio.Event) -> None:
    """Sleep for so long, or until the first of the events."""
    waiting = [asyncio.ensure_future(end.wait()) for end in ends]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


def _carried_out(record: ReceivedRequest, answer: object) -> None:
    record.applied = True
    if isinstance(answer, dict):
        record.tran_id = int(answer.get("tranId", 0))


def _json(answer: object, status: int = 200) -> web.Response:
    if answer is NOTHING:
        return web.Response(status=status)
    return web.Response(
        body=msgspec.json.encode(answer), status=status, content_type="application/json", charset="UTF-8"
    )


def _scripted(fault: Fault) -> web.Response:
    if fault.body is None:
        return _json({"code": fault.code, "msg": fault.message}, fault.status)
    is_html = fault.body.lstrip().startswith("<")
    return web.Response(
        text=fault.body, status=fault.status, content_type="text/html" if is_html else "application/json"
    )
