"""A sink that renders messages with the channel's template."""

from monitor.notify.sinks import SendResult, Sink
from monitor.view.messages.message import Message
from monitor.view.messages.template import MessageTemplate


class TemplateSink:
    """Renders each message with a template, unless it is marked plain, and passes it to another sink."""

    def __init__(self, sink: Sink, template: MessageTemplate) -> None:
        self._sink = sink
        self._template = template

    @property
    def name(self) -> str:
        return self._sink.name

    @property
    def accepts_images(self) -> bool:
        return self._sink.accepts_images

    @property
    def is_formatted(self) -> bool:
        return True

    async def warm_up(self) -> None:
        await self._sink.warm_up()

    async def send(self, message: Message) -> SendResult:
        return await self._sink.send(message if message.plain else self._template.render(message))

    async def close(self) -> None:
        await self._sink.close()
