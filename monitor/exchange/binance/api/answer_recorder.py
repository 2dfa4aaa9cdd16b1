"""A transport that keeps the answers to its reads as they were received."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.signing import Parameters

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The answer to one read: its endpoint, the parameters of the request without those of its signature, the bytes."""

    endpoint: str
    parameters: Mapping[str, str | int]
    body: bytes


class RecordingTransport(Transport):
    """A transport for reads that shares everything with the one it is made from, and keeps every answer."""

    def __init__(self, transport: Transport) -> None:
        vars(self).update(vars(transport))
        self.answers: list[RawAnswer] = []

    async def call(self, endpoint: Endpoint[T], parameters: Parameters | None = None) -> ApiResponse:
        answer = await super().call(endpoint, parameters)
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        self.answers.append(RawAnswer(endpoint.name, given, answer.body))
        return answer
