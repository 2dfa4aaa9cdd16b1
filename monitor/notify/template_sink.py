"""A channel that speaks in the words of a template."""

from monitor.notify.sinks import SendResult, Sink
from monitor.view.messages.message import Message
from monitor.view.messages.template import MessageTemplate


class TemplateSink:
    """Another sink, told in the template's words what is not to be said plainly."""

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
