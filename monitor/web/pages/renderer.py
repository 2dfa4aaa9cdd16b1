"""Templates to HTML: everything that is put into a page is escaped."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from monitor.web.pages.models.words import PageTone

TEMPLATES = Path(__file__).parent / "templates"

_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class PageFrame:
    """What every page has besides its content.

    `tone` and `title` also go to the window's icon and title. `refresh_s`: a page without JavaScript loads itself anew
    after so many seconds; 0: never, as nothing on it grows old. `is_live`: the script keeps the page true.
    `form_token` is empty without a session; `has_token`: one could be opened. `path`: the page's own address, to come
    back to.
    """

    title: str
    tone: PageTone
    generated_at: str
    path: str
    form_token: str
    has_token: bool
    version: str
    static_version: str
    refresh_s: int = 0
    is_live: bool = True

    @property
    def may_act(self) -> bool:
        return bool(self.form_token)


class PageRenderer:
    """Renders the templates; each is compiled once."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters["sentence"] = _sentence
        self._environment.filters["code"] = _code

    def render(self, template: str, frame: PageFrame, **content: object) -> str:
        """Return the page; `content` by the names that the template uses."""
        names: Mapping[str, object] = {**content, "frame": frame}
        return self._environment.get_template(template).render(names)


def _sentence(words: str) -> str:
    """The words with a capital at the start; the rest stays as it is."""
    return words[:1].upper() + words[1:]


def _code(words: str) -> Markup:
    """The words, escaped, with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(words))))
