"""HTTP requests and responses: signed, rate-limited. Reads are retried, writes are sent once."""

import asyncio
import copy
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import httpx

from monitor.clock import Clock
from monitor.core.model.order import MAX_LEASE_PROOF_AGE, Accepted, Outcome, PreSendCheck, Refused
from monitor.errors import ExchangeError, ExchangeUnreachable
from monitor.exchange.binance.api.endpoint import Endpoint, SecurityType
from monitor.exchange.binance.api.http import read_body
from monitor.exchange.binance.api.read_hosts import FIRST_COOLDOWN_S, ReadHosts
from monitor.exchange.binance.api.read_refusal import build_refusal
from monitor.exchange.binance.api.rejected_rows import RejectedRows, translate_response
from monitor.exchange.binance.api.response import ApiCredentials, ApiResponse, RequestWithheld, WriteResult
from monitor.exchange.binance.api.write_request import parse_write_response, request_log, withhold_hook
from monitor.exchange.binance.clock_checks import ClockChecks
from monitor.exchange.binance.rate_limits import (
    Priority,
    WeightBudget,
    WeightPool,
    hold_duration,
    read_used_weight,
    weight_pool,
)
from monitor.exchange.binance.response_classification import LIMIT_CODE, classify_failure, classify_read, classify_write
from monitor.exchange.binance.shared_answers import SharedAnswers
from monitor.exchange.binance.signing import Parameters, encode_query, sign_query
from monitor.exchange.binance.wire.decoding import find_error
from monitor.exchange.binance.wire.market_data import ServerTimePayload
from monitor.exchange.binance.wire.numbers import to_milliseconds
from monitor.exchange.binance.wire.plain_values import to_datetime

log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")

WRITE_TIMEOUT_S = 15.0
"""The exchange itself gives up after 10 s; a shorter wait would only make more outcomes unknown."""

_CLOCK_TRIES, _BACKOFF_S = 5, 0.2

SERVER_TIME = Endpoint("GET", "/api/v3/time", ServerTimePayload, SecurityType.NONE, priority=Priority.FIRST)


class Transport:
    """All requests of one key. Writes go to the first of `hosts` alone."""

    def __init__(
        self,
        *,
        account: str,
        hosts: Sequence[str],
        credentials: ApiCredentials,
        http: httpx.AsyncClient,
        clock: Clock,
        weight_budget: WeightBudget,
        recv_window: timedelta,
        timeout_s: float,
        shared_answers: SharedAnswers,
        clock_checks: ClockChecks,
    ) -> None:
        self._shared_answers = shared_answers
        self._clock_checks = clock_checks
        self._account = account
        self._hosts = [host.rstrip("/") for host in hosts]
        self._credentials = credentials
        self._http = http
        self._clock = clock
        self._weight_budget = weight_budget
        self._recv_window_ms = recv_window // timedelta(milliseconds=1)
        self._timeout_s = timeout_s
        self.rejected_rows = RejectedRows()
        self._read_hosts = ReadHosts(self._hosts, clock.elapsed_s)
        self._objection: PreSendCheck | None = None

    async def read(self, endpoint: Endpoint[T], parameters: Parameters | None = None) -> T:
        """Return the decoded answer.

        Raises ExchangeUnreachable, ExchangeRefused, KeyInvalid or PayloadRejected.
        """
        return await self.fetch(endpoint, parameters, lambda content, _: content)

    async def fetch(
        self, endpoint: Endpoint[T], parameters: Parameters | None, translate: Callable[[T, ApiResponse], U]
    ) -> U:
        """Return the answer converted by `translate`. Raises as `read` does; an Implausible becomes PayloadRejected."""
        request = partial(self.call, endpoint, parameters)
        if (shared_s := endpoint.shared_s) is None:
            answer = await request()
        else:
            place = (endpoint.name, encode_query(parameters or {}))
            answer = await self._shared_answers.get(self._account, place, shared_s, request)
        found = translate_response(endpoint, answer, translate)
        self.rejected_rows.record(self._account, endpoint.name, answer.rejected_rows)
        return found

    async def call(self, endpoint: Endpoint[T], parameters: Parameters | None = None) -> ApiResponse:
        """Return the exchange's answer as received, if it can be believed. Raises as `read` does.

        Only for requests that change nothing: retried twice at most, on other hosts where there are any, and once more
        after a new measurement of the clock. A host behind a firewall cools down, and the others are used at once.
        """
        pool = self._weight_pool(endpoint)
        retries = 0
        resynced = await self._check_clock(endpoint)
        while True:
            self._check_rate_limit(endpoint, pool)
            host = await self._read_host(endpoint, pool)
            answer, cause = await self._try_read(host, endpoint, parameters or {})
            is_forbidden = False
            if answer is not None:
                code = answer.error.code if answer.error else None
                match classify_read(answer.status, code, is_html=answer.is_html):
                    case "believe":
                        self._read_hosts.note_answer(host, pool)
                        return answer
                    case "clock" if not resynced:
                        resynced = True
                        self._clock.invalidate()
                        await self.sync_clock()
                        continue
                    case "retry":
                        cause = f"HTTP {answer.status}" if code is None else f"HTTP {answer.status}, code {code}"
                    case "forbidden":
                        is_forbidden, cause = True, f"HTTP {answer.status}"
                    case "limit":
                        self._start_hold(endpoint, pool, answer)
                        self._check_rate_limit(endpoint, pool)
                        cause = f"HTTP {answer.status}"
                    case verdict:
                        raise build_refusal(endpoint, answer, key=verdict == "key", unreadable=verdict == "unreadable")
            self._read_hosts.note_failure(host, pool if is_forbidden else None)
            log.warning(
                "exchange.read_failed account=%s endpoint=%r cause=%r attempt=%d",
                self._account,
                endpoint.name,
                cause,
                retries + 1,
            )
            if retries == endpoint.read_retries:
                raise ExchangeUnreachable(
                    f"{endpoint.name}: {cause}",
                    venue_code=answer.error.code if answer and answer.error else None,
                    venue_message=answer.error.msg if answer and answer.error else "",
                )
            if not is_forbidden:
                await asyncio.sleep(_BACKOFF_S * 3**retries * random.uniform(0.5, 1.5))
            retries += 1

    def with_objection(self, objection: PreSendCheck) -> "Transport":
        """Return a copy of this transport that withholds a request when `objection` has a reason against it.

        `objection` is asked right before the request is written to its connection: waiting for one may take long. Its
        receive window is no longer than a proof of the lease is valid.
        """
        transport = copy.copy(self)
        transport._objection = objection
        transport._recv_window_ms = min(self._recv_window_ms, MAX_LEASE_PROOF_AGE // timedelta(milliseconds=1))
        return transport

    async def send(self, endpoint: Endpoint[T], parameters: Parameters) -> WriteResult[T]:
        """Send one write request: at most once, to the first host.

        Never raises for an answer. Raises RequestWithheld where an objection keeps the request back.
        """
        pool = self._weight_pool(endpoint)
        until = self._held_until(endpoint, pool)
        if until is not None:
            return WriteResult(Refused(LIMIT_CODE, f"not sent: held back until {until:%H:%M:%S}", transient=True))
        answer: ApiResponse | None = None
        content: T | None = None
        try:
            timeout_s = max(self._timeout_s, WRITE_TIMEOUT_S)
            answer = await self._send(self._hosts[0], endpoint, parameters, timeout_s, self._objection)
        except RequestWithheld as kept:
            log.info("exchange.order_withheld account=%s endpoint=%r cause=%r", self._account, endpoint.name, str(kept))
            raise
        except (httpx.RequestError, TimeoutError) as error:
            outcome = classify_write(None, None, failure=classify_failure(error))
            cause = type(error).__name__
        else:
            found = parse_write_response(endpoint, answer)
            content, ref = found
            outcome = self._classify_write(endpoint, pool, answer, ref)
            cause = f"HTTP {answer.status}"
        log.info(
            "exchange.order_sent account=%s endpoint=%r cause=%r outcome=%s",
            self._account,
            endpoint.name,
            cause,
            type(outcome).__name__,
        )
        outcome = replace(outcome, trace=request_log(endpoint, parameters, answer, cause))
        return WriteResult(outcome, content if isinstance(outcome, Accepted) else None, answer)

    async def sync_clock(self) -> timedelta:
        """Measure the server's time and correct the clock. Return server time minus the wall clock.

        Raises ExchangeError. While no settled time is known, a slow answer is not enough: up to five are requested, and
        the one with the shortest round trip is kept.
        """
        tries = 1 if self._clock.is_settled else _CLOCK_TRIES
        await self._measure_clock()
        for _ in range(tries - 1):
            if self._clock.is_exact:
                break
            try:
                await self._measure_clock()
            except ExchangeError:
                break
        offset = self._clock.offset or timedelta()
        log.info("exchange.clock_measured account=%s offset_ms=%d", self._account, offset // timedelta(milliseconds=1))
        return offset

    async def _measure_clock(self) -> None:
        await self.fetch(
            SERVER_TIME,
            None,
            lambda told, answer: self._clock.record_measurement(
                to_datetime(told.server_time), answer.sent_s, answer.received_s
            ),
        )

    async def _check_clock(self, endpoint: Endpoint[T]) -> bool:
        """Return whether the time was measured again because something contradicted it."""
        if endpoint.security is not SecurityType.SIGNED or self._clock.is_settled or self._clock.offset is None:
            return False
        return await self._clock_checks.run(self._account, self.sync_clock)

    async def _read_host(self, endpoint: Endpoint[T], pool: WeightPool) -> str:
        """Return the host to use, after a short wait if needed. Raises ExchangeUnreachable if all cool down longer."""
        if 0 < (wait_s := self._read_hosts.available_in_s(pool)) <= FIRST_COOLDOWN_S:
            await self._clock.sleep(wait_s + 0.01)
        host = self._read_hosts.choose(pool)
        if host is None:
            raise ExchangeUnreachable(f"{endpoint.name}: HTTP 403 by every host; asked again in {wait_s:.0f} s")
        return host

    async def _try_read(
        self, host: str, endpoint: Endpoint[T], parameters: Parameters
    ) -> tuple[ApiResponse | None, str]:
        try:
            return await self._send(host, endpoint, parameters, self._timeout_s), ""
        except (httpx.RequestError, TimeoutError) as error:
            # Only the kind: the text of such an error may quote a header or a URL.
            return None, type(error).__name__

    async def _send(
        self,
        host: str,
        endpoint: Endpoint[T],
        parameters: Parameters,
        timeout_s: float,
        objection: PreSendCheck | None = None,
    ) -> ApiResponse:
        query = self._encode_query(endpoint, parameters)
        request = self._http.build_request(
            endpoint.method,
            f"{host}{endpoint.path}?{query}" if query else f"{host}{endpoint.path}",
            headers=None if endpoint.security is SecurityType.NONE else {"X-MBX-APIKEY": self._credentials.api_key},
            timeout=timeout_s,
            extensions={} if objection is None else {"trace": withhold_hook(objection)},
        )
        sent_s = self._clock.elapsed_s()
        # httpx limits each single wait only; a body that drips in would never end.
        async with asyncio.timeout(timeout_s + 5):
            response = await self._http.send(request, stream=True)
            try:
                body = await read_body(response)
            finally:
                await response.aclose()
        received_s = self._clock.elapsed_s()
        # Both by the present estimate of the time: it may have been measured meanwhile.
        as_of, received_at = self._clock.moment_of(sent_s), self._clock.moment_of(received_s)
        if (used := read_used_weight(response.headers)) is not None:
            weight, counted = used
            self._weight_budget.observe(
                weight_pool(endpoint.method, endpoint.path, counted, self._account), weight, received_at
            )
        return ApiResponse(
            status=response.status_code,
            body=body,
            as_of=as_of,
            received_at=received_at,
            sent_s=sent_s,
            received_s=received_s,
            headers=response.headers,
            error=find_error(response.status_code, body),
        )

    def _encode_query(self, endpoint: Endpoint[T], parameters: Parameters) -> str:
        if endpoint.security is not SecurityType.SIGNED:
            return encode_query(parameters)
        stamped = {**parameters, "recvWindow": self._recv_window_ms, "timestamp": to_milliseconds(self._clock.now())}
        return sign_query(stamped, self._credentials.signer)

    def _classify_write(self, endpoint: Endpoint[T], pool: WeightPool, answer: ApiResponse, ref: str | None) -> Outcome:
        code = answer.error.code if answer.error else None
        if answer.status in (418, 429) or code == LIMIT_CODE:
            self._start_hold(endpoint, pool, answer)
        return classify_write(answer.status, code, message=answer.error.msg if answer.error else "", ref=ref)

    def _weight_pool(self, endpoint: Endpoint[T]) -> WeightPool:
        return weight_pool(endpoint.method, endpoint.path, endpoint.counted, self._account)

    def _start_hold(self, endpoint: Endpoint[T], pool: WeightPool, answer: ApiResponse) -> None:
        said = answer.error.msg if answer.error else ""
        span = hold_duration(answer.status, answer.headers, said, answer.received_at)
        until_s = answer.received_s + span.total_seconds()
        banned = answer.status == 418 or (answer.error is not None and "IP banned" in answer.error.msg)
        if banned:
            self._weight_budget.ban(until_s)
        else:
            self._weight_budget.hold(pool, until_s)
        log.warning(
            "exchange.held account=%s endpoint=%r status=%d banned=%s until=%s",
            self._account,
            endpoint.name,
            answer.status,
            banned,
            self._clock.moment_of(until_s).isoformat(timespec="seconds"),
        )

    def _held_until(
        self, endpoint: Endpoint[T], pool: WeightPool, priority: Priority = Priority.FIRST
    ) -> datetime | None:
        now_s = self._clock.elapsed_s()
        wait_s = self._weight_budget.wait_s(pool, endpoint.weight, self._clock.now(), now_s, priority)
        return None if wait_s is None else self._clock.moment_of(now_s + wait_s)

    def _check_rate_limit(self, endpoint: Endpoint[T], pool: WeightPool) -> None:
        until = self._held_until(endpoint, pool, endpoint.priority)
        if until is not None:
            raise ExchangeUnreachable(
                f"{endpoint.name}: held back until {until:%Y-%m-%d %H:%M:%S} UTC to keep within the exchange's limits",
                venue_code=LIMIT_CODE,
            )
