"""Requests and answers over HTTP: signed, counted, obeying holds. Reads are retried, writes are sent once."""

import asyncio
import copy
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn, TypeVar

import httpx

from monitor.clock import Clock
from monitor.core.model.order import Accepted, Objection, Outcome, Refused
from monitor.errors import ExchangeError, ExchangeRefused, ExchangeUnreachable, KeyInvalid
from monitor.exchange.binance.api.bad_payload import rejected
from monitor.exchange.binance.api.endpoint import Endpoint, Security
from monitor.exchange.binance.api.http import body_of
from monitor.exchange.binance.api.read_hosts import FIRST_REST_S, ReadHosts
from monitor.exchange.binance.api.rejected_rows import Oddities, content_of
from monitor.exchange.binance.api.response import Answer, Credentials, NotSent, Reading, Sent
from monitor.exchange.binance.api.write_request import asking, believed, trace_of
from monitor.exchange.binance.outcome_rules import LIMIT_CODE, failure_of, judge, judge_read
from monitor.exchange.binance.rate_limits import Pool, Priority, Usage, hold_after, pool_of, used_weight
from monitor.exchange.binance.signing import Parameters, query_of, signed_query
from monitor.exchange.binance.wire.decoding import error_of
from monitor.exchange.binance.wire.market_text import ServerTime
from monitor.exchange.binance.wire.numbers import Implausible, milliseconds, moment

log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")

WRITE_TIMEOUT_S = 15.0
"""The venue itself gives up after 10 s; a shorter wait would only make more outcomes unknown."""

_CLOCK_TRIES = 5
_READ_RETRIES = 2
_BACKOFF_S = 0.2

SERVER_TIME = Endpoint("GET", "/api/v3/time", ServerTime, Security.NONE, priority=Priority.FIRST)


class Transport:
    """All requests of one key. `hosts` starts with the only one that is ever written to."""

    def __init__(
        self,
        *,
        account: str,
        hosts: Sequence[str],
        credentials: Credentials,
        http: httpx.AsyncClient,
        clock: Clock,
        usage: Usage,
        recv_window: timedelta,
        timeout_s: float,
    ) -> None:
        self._account = account
        self._hosts = [host.rstrip("/") for host in hosts]
        self._credentials = credentials
        self._http = http
        self._clock = clock
        self._usage = usage
        self._recv_window_ms = recv_window // timedelta(milliseconds=1)
        self._timeout_s = timeout_s
        self.oddities = Oddities()
        self._read_hosts = ReadHosts(self._hosts, clock.elapsed_s)
        self._objection: Objection | None = None

    async def read(self, endpoint: Endpoint[T], parameters: Parameters | None = None) -> Reading[T]:
        """The decoded answer.

        Raises ExchangeUnreachable, ExchangeRefused, KeyInvalid or PayloadRejected.
        """
        return await self.fetch(endpoint, parameters, Reading)

    async def fetch(
        self, endpoint: Endpoint[T], parameters: Parameters | None, translate: Callable[[T, Answer], U]
    ) -> U:
        """What `translate` makes of the answer. Raises as `read` does; an Implausible becomes PayloadRejected."""
        answer = await self.call(endpoint, parameters)
        try:
            content = content_of(endpoint, answer)
            found = translate(content, answer)
        except Implausible as why:
            raise rejected(endpoint, str(why), answer.body) from why
        self.oddities.note(self._account, endpoint.name, answer.odd)
        return found

    async def call(self, endpoint: Endpoint[T], parameters: Parameters | None = None) -> Answer:
        """The venue's answer as received, when it is one that can be believed. Raises as `read` does.

        Only for what changes nothing: retried at most twice, on other hosts where there are any, and once more
        after the clock was measured anew. A host behind a firewall rests, and the others are asked at once.
        """
        pool = self._pool(endpoint)
        retries = 0
        resynced = await self._mind_the_clock(endpoint)
        while True:
            self._respect_holds(endpoint, pool)
            host = await self._read_host(endpoint, pool)
            answer, cause = await self._try_read(host, endpoint, parameters or {})
            is_forbidden = False
            if answer is not None:
                code = answer.error.code if answer.error else None
                match judge_read(answer.status, code, is_html=answer.is_html):
                    case "believe":
                        self._read_hosts.note_answer(host, pool)
                        return answer
                    case "clock" if not resynced:
                        resynced = True
                        self._clock.distrust()
                        await self.sync_clock()
                        continue
                    case "retry":
                        cause = f"HTTP {answer.status}" if code is None else f"HTTP {answer.status}, code {code}"
                    case "forbidden":
                        is_forbidden, cause = True, f"HTTP {answer.status}"
                    case "limit":
                        self._hold(endpoint, pool, answer)
                        self._respect_holds(endpoint, pool)
                        cause = f"HTTP {answer.status}"
                    case verdict:
                        _refuse(endpoint, answer, key=verdict == "key", unreadable=verdict == "unreadable")
            self._read_hosts.note_failure(host, pool if is_forbidden else None)
            log.warning(
                "exchange.read_failed account=%s endpoint=%r cause=%r attempt=%d",
                self._account,
                endpoint.name,
                cause,
                retries + 1,
            )
            if retries == _READ_RETRIES:
                raise ExchangeUnreachable(
                    f"{endpoint.name}: {cause}",
                    venue_code=answer.error.code if answer and answer.error else None,
                    venue_message=answer.error.msg if answer and answer.error else "",
                )
            if not is_forbidden:
                await asyncio.sleep(_BACKOFF_S * 3**retries * random.uniform(0.5, 1.5))
            retries += 1

    def guarded(self, objection: Objection) -> "Transport":
        """The same one; what it is to send does not leave where `objection` has a reason against it.

        That is asked when the next thing is to write the request to its connection: waiting for one may take long.
        """
        guarded = copy.copy(self)
        guarded._objection = objection
        return guarded

    async def write(self, endpoint: Endpoint[T], parameters: Parameters) -> Outcome:
        """The outcome of one request that moves money; see `send`."""
        return (await self.send(endpoint, parameters)).outcome

    async def send(self, endpoint: Endpoint[T], parameters: Parameters) -> Sent[T]:
        """Send one request that changes something: at most once, to the first host.

        Never raises for what comes back. Raises NotSent where it is guarded, and kept back.
        """
        pool = self._pool(endpoint)
        until = self._held_until(endpoint, pool)
        if until is not None:
            return Sent(Refused(LIMIT_CODE, f"not sent: held back until {until:%H:%M:%S}", transient=True))
        answer: Answer | None = None
        content: T | None = None
        try:
            timeout_s = max(self._timeout_s, WRITE_TIMEOUT_S)
            answer = await self._send(self._hosts[0], endpoint, parameters, timeout_s, self._objection)
        except NotSent as kept:
            log.info("exchange.order_withheld account=%s endpoint=%r cause=%r", self._account, endpoint.name, str(kept))
            raise
        except (httpx.RequestError, TimeoutError) as error:
            outcome = judge(None, None, failure=failure_of(error))
            cause = type(error).__name__
        else:
            found = believed(endpoint, answer)
            content, ref = found
            outcome = self._judge_write(endpoint, pool, answer, ref)
            cause = f"HTTP {answer.status}"
        log.info(
            "exchange.order_sent account=%s endpoint=%r cause=%r outcome=%s",
            self._account,
            endpoint.name,
            cause,
            type(outcome).__name__,
        )
        outcome = replace(outcome, trace=trace_of(endpoint, parameters, answer, cause))
        return Sent(outcome, content if isinstance(outcome, Accepted) else None, answer)

    async def sync_clock(self) -> timedelta:
        """Measure the server's time and correct the clock. Server time minus the wall clock. Raises ExchangeError.

        Where nothing is known that can be built on, a slow answer is not taken as it comes: up to five are asked
        for, and the one with the shortest round trip is kept.
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
            lambda told, answer: self._clock.learn(
                moment(told.server_time, "serverTime"), answer.sent_s, answer.received_s
            ),
        )

    async def _mind_the_clock(self, endpoint: Endpoint[T]) -> bool:
        """Whether the time was measured anew because something spoke against it."""
        if endpoint.security is not Security.SIGNED or self._clock.is_settled or self._clock.offset is None:
            return False
        try:
            await self.sync_clock()
        except ExchangeError as error:
            # The steady clock went on all the same; if it is wrong the exchange will say so.
            log.warning("exchange.clock_not_measured account=%s cause=%s", self._account, error.message)
            return False
        return True

    async def _read_host(self, endpoint: Endpoint[T], pool: Pool) -> str:
        """The host to ask, after a short wait if need be. Raises ExchangeUnreachable while all rest for longer."""
        if 0 < (wait_s := self._read_hosts.free_in_s(pool)) <= FIRST_REST_S:
            await self._clock.sleep(wait_s + 0.01)
        host = self._read_hosts.choose(pool)
        if host is None:
            raise ExchangeUnreachable(f"{endpoint.name}: HTTP 403 by every host; asked again in {wait_s:.0f} s")
        return host

    async def _try_read(self, host: str, endpoint: Endpoint[T], parameters: Parameters) -> tuple[Answer | None, str]:
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
        objection: Objection | None = None,
    ) -> Answer:
        query = self._query(endpoint, parameters)
        request = self._http.build_request(
            endpoint.method,
            f"{host}{endpoint.path}?{query}" if query else f"{host}{endpoint.path}",
            headers=None if endpoint.security is Security.NONE else {"X-MBX-APIKEY": self._credentials.api_key},
            timeout=timeout_s,
            extensions={} if objection is None else {"trace": asking(objection)},
        )
        sent_s = self._clock.elapsed_s()
        # httpx limits each single wait only; a body that drips in would never end.
        async with asyncio.timeout(timeout_s + 5):
            response = await self._http.send(request, stream=True)
            try:
                body = await body_of(response)
            finally:
                await response.aclose()
        received_s = self._clock.elapsed_s()
        # Both by what is known of the time now: it may have been measured meanwhile.
        as_of, received_at = self._clock.moment_of(sent_s), self._clock.moment_of(received_s)
        if (used := used_weight(response.headers)) is not None:
            weight, counted = used
            self._usage.observe(pool_of(endpoint.method, endpoint.path, counted, self._account), weight, received_at)
        failed = response.status_code != 200 or body[:9].replace(b" ", b"").startswith(b'{"code":-')
        return Answer(
            status=response.status_code,
            body=body,
            as_of=as_of,
            received_at=received_at,
            sent_s=sent_s,
            received_s=received_s,
            headers=response.headers,
            is_html=body.lstrip()[:1] == b"<",
            error=error_of(body) if failed else None,
        )

    def _query(self, endpoint: Endpoint[T], parameters: Parameters) -> str:
        if endpoint.security is not Security.SIGNED:
            return query_of(parameters)
        stamped = {**parameters, "recvWindow": self._recv_window_ms, "timestamp": milliseconds(self._clock.now())}
        return signed_query(stamped, self._credentials.signer)

    def _judge_write(self, endpoint: Endpoint[T], pool: Pool, answer: Answer, ref: str | None) -> Outcome:
        code = answer.error.code if answer.error else None
        if answer.status in (418, 429) or code == LIMIT_CODE:
            self._hold(endpoint, pool, answer)
        return judge(answer.status, code, message=answer.error.msg if answer.error else "", ref=ref)

    def _pool(self, endpoint: Endpoint[T]) -> Pool:
        return pool_of(endpoint.method, endpoint.path, endpoint.counted, self._account)

    def _hold(self, endpoint: Endpoint[T], pool: Pool, answer: Answer) -> None:
        said = answer.error.msg if answer.error else ""
        span = hold_after(answer.status, answer.headers, said, answer.received_at)
        until_s = answer.received_s + span.total_seconds()
        banned = answer.status == 418 or (answer.error is not None and "IP banned" in answer.error.msg)
        if banned:
            self._usage.ban(until_s)
        else:
            self._usage.hold(pool, until_s)
        log.warning(
            "exchange.held account=%s endpoint=%r status=%d banned=%s until=%s",
            self._account,
            endpoint.name,
            answer.status,
            banned,
            self._clock.moment_of(until_s).isoformat(timespec="seconds"),
        )

    def _held_until(self, endpoint: Endpoint[T], pool: Pool, priority: Priority = Priority.FIRST) -> datetime | None:
        now_s = self._clock.elapsed_s()
        wait_s = self._usage.wait_s(pool, endpoint.weight, self._clock.now(), now_s, priority)
        return None if wait_s is None else self._clock.moment_of(now_s + wait_s)

    def _respect_holds(self, endpoint: Endpoint[T], pool: Pool) -> None:
        until = self._held_until(endpoint, pool, endpoint.priority)
        if until is not None:
            raise ExchangeUnreachable(
                f"{endpoint.name}: held back until {until:%Y-%m-%d %H:%M:%S} UTC to keep within the exchange's limits",
                venue_code=LIMIT_CODE,
            )


def _refuse(endpoint: Endpoint[T], answer: Answer, *, key: bool, unreadable: bool) -> NoReturn:
    code = answer.error.code if answer.error else None
    said = answer.error.msg[:200] if answer.error else ""
    if unreadable:
        shape = "a web page" if answer.is_html else "no readable error"
        raise ExchangeUnreachable(f"{endpoint.name}: HTTP {answer.status} with {shape}")
    text = f"{endpoint.name}: code {code}: {said}" if code is not None else f"{endpoint.name}: HTTP {answer.status}"
    kind = KeyInvalid if key else ExchangeRefused
    raise kind(text, venue_code=code, venue_message=said)
