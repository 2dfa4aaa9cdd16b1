"""Templates: everything from outside is text, and no page holds anything that its own policy forbids."""

import re
from pathlib import Path
from typing import Any

import pytest

from monitor.web.pages import renderer
from monitor.web.pages.models.action_page import action_page
from monitor.web.pages.models.alert_page import alert_page
from monitor.web.pages.models.health import WatchFaults
from monitor.web.pages.models.overview import overview_page
from monitor.web.pages.renderer import PageFrame, PageRenderer
from monitor.web.pages.static_files import read_static_files
from tests.web.pages.example_documents import GENERATED_AT, STABLES, account, action, alert, balance, cross, status

EVIL = '<script>alert("x")</script>'
TEMPLATES = sorted(renderer.TEMPLATES.rglob("*.html"))
FIRST_PAINT_BYTES = 60_000


def frame(**more: Any) -> PageFrame:
    given: dict[str, Any] = {
        "title": "title",
        "tone": "good",
        "generated_at": GENERATED_AT,
        "path": "/",
        "form_token": "token",
        "has_token": True,
        "version": "0.1.0",
        "static_version": "1",
    }
    return PageFrame(**(given | more))


def overview(document: Any, alerts: Any = (), actions: Any = ()) -> str:
    page = overview_page(document, alerts, actions, WatchFaults(), STABLES)
    return PageRenderer().render("overview.html", frame(title=page.verdict.title), page=page)


def test_html_in_asset_account_and_comment_is_text() -> None:
    rows = [balance(EVIL, free="1", price="200", liquidation_price="150")]
    document = status(account(account=EVIL, cross=cross(balances=rows)))
    acked = {"by": EVIL, "at": GENERATED_AT, "comment": EVIL}
    text = overview(
        document, [alert(acked=acked, summary=EVIL, rule=EVIL, account=EVIL)], [action(action=EVIL, asset=EVIL)]
    )
    assert EVIL not in text
    assert text.count("&lt;script&gt;") >= 7


def test_command_in_an_error_is_code_and_nothing_else_of_it_is_markup() -> None:
    code = PageRenderer()._environment.filters["code"]
    assert str(code("`margin-monitor alerts` lists <b>")) == "<code>margin-monitor alerts</code> lists &lt;b&gt;"


def test_html_in_an_alert_and_its_deliveries_is_text() -> None:
    sent = {"channel": EVIL, "reason": "fired", "state": "failed", "attempts": 2, "at": None, "answer": EVIL}
    evil = alert(when=EVIL, clear=EVIL, summary=EVIL, deliveries=[sent], labels={"rule": EVIL})
    page = alert_page(evil, status(), (), WatchFaults(), (), (), STABLES)
    text = PageRenderer().render("alert.html", frame(), page=page)
    assert EVIL not in text


def test_html_in_the_story_of_an_intent_is_text() -> None:
    step = {"state": "SUBMITTING", "at": GENERATED_AT, "note": EVIL, "request": EVIL, "answer": EVIL}
    intent = action(reason=EVIL, evidence=EVIL, steps=[step])
    page = action_page(intent, status(), [alert(summary=EVIL)], WatchFaults(), STABLES, "")
    assert EVIL not in PageRenderer().render("action.html", frame(), page=page)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_template_has_neither_inline_style_nor_inline_script(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|\|safe", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_nothing_is_loaded_from_elsewhere() -> None:
    for template in TEMPLATES:
        assert not re.search(r"(src|href|action)=\"(https?:)?//", template.read_text(encoding="utf-8"))


def test_first_paint_of_the_overview_fits_its_budget() -> None:
    files = read_static_files().files
    parts = [files[name].body for name in ("page.css", "page.js", "vendor/idiomorph.min.js", "icon-good.svg")]
    alerts = [alert(number) for number in range(1, 9)]
    text = overview(status(account(isolated=[])), alerts, [action(number) for number in range(1, 4)])
    assert sum(len(part) for part in parts) + len(text.encode()) <= FIRST_PAINT_BYTES


def test_forms_are_left_out_without_a_session() -> None:
    page = overview_page(status(), [alert()], (), WatchFaults(), STABLES)
    text = PageRenderer().render("overview.html", frame(form_token=""), page=page)
    assert "<form" not in text
    assert "Log in" in text


def test_licences_stand_beside_the_vendored_libraries() -> None:
    vendor = Path(renderer.__file__).parent / "static" / "vendor"
    assert {path.name for path in vendor.iterdir()} == {
        "README.md",
        "idiomorph.LICENSE",
        "idiomorph.min.js",
        "uPlot.LICENSE",
        "uPlot.iife.min.js",
        "uPlot.min.css",
    }
