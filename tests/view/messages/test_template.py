"""People's own words for a message: rendered safely, tried before they are needed, never in the way."""

import pytest

from monitor.core.model.alert import NotificationReason
from monitor.view.messages.message import alert_message, notice_message
from monitor.view.messages.template import MAX_TEMPLATE_CHARS, InvalidTemplate, MessageTemplate
from tests.support.examples.documents import ALERT, NOW

MESSAGE = alert_message(ALERT, NotificationReason.FIRED, None, NOW)


def test_template_variables_are_the_webhook_fields() -> None:
    template = MessageTemplate("m.txt", "{{ account }}/{{ scope }} {{ severity|upper }} #{{ id }}: {{ summary }}\n")
    told = template.render(MESSAGE)
    assert told.text == "main/cross CRITICAL #17: margin level 1.21"
    assert told.document["text"] == told.text
    assert (told.title, told.kind, told.format) == (MESSAGE.title, MESSAGE.kind, "text")


@pytest.mark.parametrize(
    ("name", "written_in", "text"),
    [("m.md", "markdown", "**a<b**"), ("m.html", "html", "**a&lt;b**"), ("m", "text", "**a<b**")],
)
def test_file_suffix_selects_the_format(name: str, written_in: str, text: str) -> None:
    told = MessageTemplate(name, "**{{ text }}**").render(notice_message("info", "a<b"))
    assert (told.format, told.text) == (written_in, text)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ title }", "line 1: unexpected '}'"),
        ("\n{% if rule %}", "line 2: Unexpected end of template"),
        ("{{ titel }}", "for an alert that fires: 'titel' is undefined"),
        ("{{ labels.rule }}", "for a notice, which is about no alert: 'None' has no attribute 'rule'"),
        (
            "{{ title.__class__ }}",
            "for an alert that fires: access to attribute '__class__' of 'str' object is unsafe.",
        ),
        ("{{ 1 / 0 }}", "for an alert that fires: division by zero"),
        ("{% if rule %}x{% endif %}", "for a notice, which is about no alert it makes an empty text"),
    ],
)
def test_broken_template_is_refused_at_load(source: str, said: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        MessageTemplate("m.txt", source)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ title.format.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% include 'config.toml' %}",
        "{% import 'os' as os %}{{ os }}",
        "{{ range(10 ** 9) }}",
        "{{ labels.update({'a': 1}) }}x",
    ],
)
def test_template_reaches_only_its_variables(source: str) -> None:
    with pytest.raises(InvalidTemplate):
        MessageTemplate("m.txt", source)


def test_failing_template_falls_back_to_our_text(caplog: pytest.LogCaptureFixture) -> None:
    template = MessageTemplate("m.txt", "{{ 1 / (severity|length - 6 if reason == 'reminded' else 1) }}")
    reminded = alert_message(ALERT, NotificationReason.REMINDED, None, NOW, severity="info")
    assert template.render(reminded).text != reminded.text
    broken = MessageTemplate("m.txt", "{{ 1 / (0 if reason == 'reminded' else 1) }}")
    assert broken.render(reminded) == reminded
    assert "division by zero" in caplog.text


def test_template_output_is_bounded() -> None:
    assert len(MessageTemplate("m.txt", "{{ 'x' * 100000 }}").render(MESSAGE).text) == MAX_TEMPLATE_CHARS
