"""The REST server: bans, faults, weights, keys, time and signature, then the endpoint; and the sending of answers."""

import asyncio
import inspect
from dataclasses import dataclass
from decimal import Decimal
from email.utils import formatdate

import msgspec
from aiohttp import web

from monitor.sandbox.api import authentication
from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.api.parameters import RequestParams
from monitor.sandbox.api.weights import WeightMeter, ban_error
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
from monitor.sandbox.endpoints.registry import EMPTY_ANSWER, ENDPOINTS, EndpointCall, SimEndpoint, UserStreams
from monitor.sandbox.endpoints.retired_paths import unknown_path_response
from monitor.sandbox.exchange_loop import ExchangeLoop
from monitor.sandbox.faults import Fault, FaultScript
from monitor.sandbox.http.corruption import corrupt
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.sandbox.ledger.accounts import SimAccount
from monitor.sandbox.scenario.scenario import ApiKeySpec
from monitor.sandbox.venue import Venue

# Importing the endpoint modules fills the table of endpoints.
ENDPOINT_MODULES = (
    accounts, dust, liabilities, loans, order_lists, orders, market_data, reference_data, stream_keys, transfers,
    wallets,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _IncomingRequest:
    """A request as received."""

    method: str
    path: str
    query: str
    body: str
    api_key: str
    address: str
    params: dict[str, str]


class RestServer:
    """Answers every REST request and records it."""

    def __init__(
        self,
        venue: Venue,
        simulation_loop: ExchangeLoop,
        meter: WeightMeter,
        fault_script: FaultScript,
        user_streams: UserStreams,
    ) -> None:
        self._venue = venue
        self._simulation_loop = simulation_loop
        self._meter = meter
        self._fault_script = fault_script
        self._user_streams = user_streams
        self._closing = asyncio.Event()
        self._delayed_tasks: set[asyncio.Task[object]] = set()
        self.requests: list[ReceivedRequest] = []

    async def close(self) -> None:
        """End hanging requests."""
        self._closing.set()
        for task in list(self._delayed_tasks):
            task.cancel()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or cut the connection as a fault says."""
        self._simulation_loop.catch_up()
        asked = await _read_request(request)
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
        fault = self._fault_script.trigger(asked.method, asked.path, asked.params, owner, request.url.host or "")
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

    async def _respond(
        self, request: _IncomingRequest, record: ReceivedRequest, fault: Fault | None
    ) -> web.Response | None:
        """The answer, or None when the connection is to be cut."""
        try:
            if fault is not None and fault.what == "cut_before":
                return None
            if fault is not None and fault.what == "hang":
                await self._closing.wait()
                return None
            if fault is not None and fault.what == "apply_late":
                self._apply_later(request, record, fault.seconds)
                return None
            if fault is not None and fault.what == "status" and not fault.applies:
                return _fault_response(fault)
            refusal = self._fault_error(request, fault)
            if refusal is not None:
                raise refusal
            response = await self._answer(request, record, fault)
        except SimApiError as error:
            record.code = error.code
            response = _json_response({"code": error.code, "msg": error.message}, error.status)
            response.headers.update(error.headers)
        if fault is None:
            return response
        if fault.what == "take_more" and record.applied:
            record.taken = self._take_again(request, fault)
        if fault.what == "cut_after":
            return None
        if fault.what == "delay":
            await _sleep_or_end(fault.seconds, self._closing, self._fault_script.cleared)
        if fault.what == "malformed":
            return corrupt(response, fault.form)
        if fault.what == "status":
            return _fault_response(fault)
        return response

    def _fault_error(self, request: _IncomingRequest, fault: Fault | None) -> SimApiError | None:
        now = self._venue.now_ms()
        if fault is None:
            return None
        match fault.what:
            case "ban":
                until = now + int(fault.seconds * 1000)
                self._meter.ban(request.address, until)
                return ban_error(until, now)
            case "limit":
                wait = {"Retry-After": str(max(1, round(fault.seconds)))}
                return SimApiError(-1003, "Too much request weight used.", status=429, headers=wait)
            case "maintenance":
                return SimApiError(-1016, "This service is no longer available.", status=503)
            case "key_revoked" | "ip_refused":
                return self._key_error()
        return None

    async def _answer(self, request: _IncomingRequest, record: ReceivedRequest, fault: Fault | None) -> web.Response:
        endpoint = ENDPOINTS.get((request.method, request.path))
        if endpoint is None:
            return unknown_path_response(request.method, request.path, self._venue.scenario.readings)
        now = self._venue.now_ms()
        self._meter.check_ban(request.address, now)
        owner, key = self._venue.keys.get(request.api_key, (None, None))
        call = EndpointCall(self._venue, RequestParams(request.params), owner, key, self._user_streams)
        charge = self._meter.charge(request.path, endpoint.weight(call), request.address, record.account, now)
        headers = {charge.header: str(charge.used)}
        if charge.header == "X-MBX-USED-WEIGHT-1M":
            headers["X-MBX-USED-WEIGHT"] = str(charge.used)
        try:
            skew_ms = int(fault.seconds * 1000) if fault is not None and fault.what == "clock_skew" else None
            if endpoint.max_calls_per_minute is not None:
                self._meter.count_call(request.path, endpoint.max_calls_per_minute, request.address, now)
            self._authorize(request, endpoint, owner, key, skew_ms)
            params = RequestParams.parse(request.query, request.body, repeats=endpoint.repeats)
            call = EndpointCall(self._venue, params, owner, key, self._user_streams)
            answer = endpoint.answer(call)
            if inspect.isawaitable(answer):
                answer = await answer
        except SimApiError as error:
            error.headers.update(headers)
            raise
        _mark_applied(record, answer)
        self._simulation_loop.reassess()
        if skew_ms and isinstance(answer, dict) and "serverTime" in answer:
            answer = {**answer, "serverTime": self._venue.now_ms() + skew_ms}
        response = _json_response(answer)
        response.headers.update(headers)
        return response

    def _authorize(
        self,
        request: _IncomingRequest,
        endpoint: SimEndpoint,
        owner: SimAccount | None,
        key: ApiKeySpec | None,
        skew_ms: int | None,
    ) -> None:
        """Refuse a request without permission or in the wrong form."""
        if endpoint.security == "NONE":
            return
        readings = self._venue.scenario.readings
        if not authentication.is_well_formed(request.api_key):
            raise SimApiError(-2014, "API-key format invalid.", status=readings.key_refused_status)
        if owner is None or key is None:
            raise self._key_error()
        allowed = key.permissions
        expired = allowed.expires is not None and self._venue.now_ms() >= allowed.expires.timestamp() * 1000
        if expired or not allowed.reading or (allowed.ip_restrict and request.address not in allowed.ips):
            raise self._key_error()
        if endpoint.security == "SIGNED" or (endpoint.security == "EITHER" and "signature" in request.params):
            timeline = self._venue.timeline
            slack = timeline.slack_ms() if skew_ms is None else 0
            server_ms = self._venue.now_ms() + (skew_ms or 0)
            authentication.check_time(RequestParams(request.params), server_ms, speed=timeline.speed, slack_ms=slack)
            authentication.check_signature(key, request.query, request.body)
        if not getattr(allowed, endpoint.right):
            status = readings.key_refused_status
            raise SimApiError(-1002, "You are not authorized to execute this request.", status=status)

    def _key_error(self) -> SimApiError:
        status = self._venue.scenario.readings.key_refused_status
        return SimApiError(-2015, "Invalid API-key, IP, or permissions for action.", status=status)

    def _take_again(self, request: _IncomingRequest, fault: Fault) -> Decimal:
        """Take the order's amount once more from its margin account, as no exchange should. Returns the amount."""
        owner, _ = self._venue.keys.get(request.api_key, (None, None))
        asset, amount = request.params.get("asset"), request.params.get("amount")
        if owner is None or asset is None or amount is None:
            return Decimal(0)
        margin = owner.isolated.get(request.params.get("symbol", ""), owner.cross)
        more = min(margin.wallet.free(asset), Decimal(amount) * Decimal(str(fault.share)))
        self._venue.ledger.pay(asset, more, margin.wallet, "world", "withdraw")
        self._simulation_loop.reassess()
        return more

    def _apply_later(self, request: _IncomingRequest, record: ReceivedRequest, seconds: float) -> None:
        owner, key = self._venue.keys.get(request.api_key, (None, None))
        endpoint = ENDPOINTS.get((request.method, request.path))
        if endpoint is None:
            return
        # The signature is checked now, while it is valid; later the request is only carried out.
        self._authorize(request, endpoint, owner, key, None)
        params = RequestParams.parse(request.query, request.body, repeats=endpoint.repeats)
        late = EndpointCall(self._venue, params, owner, key, self._user_streams)

        async def carry_out() -> object:
            try:
                answer = endpoint.answer(late)
                if inspect.isawaitable(answer):
                    answer = await answer
                _mark_applied(record, answer)
                self._simulation_loop.reassess()
                return answer
            except SimApiError as error:
                record.code = error.code
                return None

        def begin() -> None:
            task: asyncio.Task[object] = asyncio.ensure_future(carry_out())
            self._delayed_tasks.add(task)
            task.add_done_callback(self._delayed_tasks.discard)

        self._venue.schedule_at(self._venue.now_ms() + int(seconds * 1000), begin)


async def _read_request(request: web.Request) -> _IncomingRequest:
    path, _, query = request.raw_path.partition("?")
    body = await request.text() if request.can_read_body else ""
    try:
        endpoint = ENDPOINTS.get((request.method, path))
        params = RequestParams.parse(query, body, repeats=() if endpoint is None else endpoint.repeats).values
    except SimApiError:
        params = {}
    return _IncomingRequest(
        method=request.method,
        path=path,
        query=query,
        body=body,
        api_key=request.headers.get("X-MBX-APIKEY", ""),
        address=request.remote or "",
        params=params,
    )


async def _sleep_or_end(seconds: float, *ends: asyncio.Event) -> None:
    """Sleep for this time, or until the first of the events."""
    waiting = [asyncio.ensure_future(end.wait()) for end in ends]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _mark_applied(record: ReceivedRequest, answer: object) -> None:
    record.applied = True
    if isinstance(answer, dict):
        record.tran_id = int(answer.get("tranId", 0))


def _json_response(answer: object, status: int = 200) -> web.Response:
    if answer is EMPTY_ANSWER:
        return web.Response(status=status)
    return web.Response(
        body=msgspec.json.encode(answer), status=status, content_type="application/json", charset="UTF-8"
    )


def _fault_response(fault: Fault) -> web.Response:
    if fault.body is None:
        return _json_response({"code": fault.code, "msg": fault.message}, fault.status)
    is_html = fault.body.lstrip().startswith("<")
    return web.Response(
        text=fault.body, status=fault.status, content_type="text/html" if is_html else "application/json"
    )
