"""Pictures of one alert on each kind of channel: `python -m docs.generate.channel_pictures docs/images/channels`.

The message really leaves through each channel, to a server on loopback that stands in for the service. A picture shows
what arrived there, drawn as a phone shows it. Needs a browser (Debian: `chromium`).
"""

import asyncio
import html
import io
import json
import re
import sys
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from PIL import Image

from docs.generate.channel_capture import Arrivals, capture
from docs.generate.demo_browser import open_browser

WIDTH = 440
SCALE = 1.5
COLORS = 48
"""Colours of a picture: enough for text on one card, and a quarter of the size."""

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { width: 440px; padding: 14px; background: #dfe5ec; color: #17202a;
  font: 14px/1.42 "DejaVu Sans", "Liberation Sans", sans-serif }
.card { background: #fff; border-radius: 14px; overflow: hidden; box-shadow: 0 2px 8px #0002 }
.app { display: flex; gap: 8px; align-items: center; padding: 11px 14px 9px; font-size: 12px; color: #52606d }
.app i { width: 16px; height: 16px; border-radius: 5px; background: var(--tone) }
h1 { font-size: 14.5px; padding: 0 14px 6px }
.text { padding: 0 14px 13px; overflow-wrap: anywhere; font-size: 13px }
.text p { min-height: 0.8em }
.buttons { display: flex; border-top: 1px solid #e3e8ed }
.buttons span { flex: 1; padding: 11px 4px; text-align: center; color: var(--tone); font-weight: bold }
.buttons span + span { border-left: 1px solid #e3e8ed }
.note { padding: 0 14px 12px; font-size: 12px; color: #52606d }
pre { padding: 0 14px 13px; font: 11px/1.45 "DejaVu Sans Mono", monospace; white-space: pre-wrap;
  overflow-wrap: anywhere }
a { color: #1a5fb4 }
"""


def page_of(tone: str, app: str, *parts: str) -> str:
    """The page of one card."""
    head = f'<div class="app"><i></i>{html.escape(app)}</div>'
    card = f'<div class="card" style="--tone: {tone}">{head}{"".join(parts)}</div>'
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{card}</body>"


def title_part(title: str) -> str:
    return f"<h1>{html.escape(title)}</h1>"


def text_part(text: str, escape: Callable[[str], str] = html.escape) -> str:
    """The lines of a text, with its addresses as links, as phones show them."""
    lines = "".join(f"<p>{_linked(escape(line))}</p>" for line in text.replace("\r", "").split("\n"))
    return f'<div class="text">{lines}</div>'


def buttons_part(*labels: str) -> str:
    return '<div class="buttons">' + "".join(f"<span>{html.escape(label)}</span>" for label in labels) + "</div>"


def note_part(text: str) -> str:
    return f'<div class="note">{html.escape(text)}</div>'


def _linked(line: str) -> str:
    return re.sub(r"https://[^\s<]+", lambda found: f"<a>{found[0]}</a>", line)


def _ntfy(arrivals: Arrivals) -> str:
    headers, body = arrivals.requests[0]
    labels = [action.split(",")[1].strip() for action in headers["X-Actions"].split(";")]
    urgency = note_part(f"priority {headers['X-Priority']}; a touch opens {headers['X-Click']}")
    return page_of(
        "#317f6f",
        "ntfy · margin",
        title_part(body["title"]),
        text_part(body["message"]),
        urgency,
        buttons_part(*labels),
    )


def _telegram(arrivals: Arrivals) -> str:
    fields = next(body for _, body in arrivals.requests if "reply_markup" in body)
    rows = json.loads(fields["reply_markup"])["inline_keyboard"]
    buttons = [buttons_part(*(button["text"] for button in row)) for row in rows]
    # Telegram's own markup is a part of HTML.
    return page_of("#2f9fdb", "Telegram · margin", text_part(fields["text"], escape=lambda line: line), *buttons)


def _pushover(arrivals: Arrivals) -> str:
    _, fields = arrivals.requests[0]
    repeats = note_part(f"emergency: repeats every {fields['retry']} s for {int(fields['expire']) // 60} minutes")
    parts = title_part(fields["title"]), text_part(fields["message"]), repeats
    return page_of("#249df1", "Pushover · margin-monitor", *parts, buttons_part("Acknowledge", fields["url_title"]))


def _discord(arrivals: Arrivals) -> str:
    _, body = arrivals.requests[0]
    return page_of("#5865f2", "Discord · #alerts · margin-monitor", text_part(body["content"]))


def _slack(arrivals: Arrivals) -> str:
    _, body = arrivals.requests[0]
    (attached,) = body["attachments"]
    title, text = title_part(attached["title"]), attached["text"]
    return page_of("#611f69", "Slack · #alerts · margin-monitor", title, text_part(text, escape=lambda line: line))


def _mail(arrivals: Arrivals) -> str:
    mail: EmailMessage = arrivals.mails[0]
    part = mail.get_body(("html",))
    assert part is not None
    said = _linked(str(part.get_content()))
    return page_of(
        "#b5651d",
        f"{mail['From']} to {mail['To']}",
        title_part(str(mail["Subject"])),
        f'<div class="text">{said}</div>',
    )


def _webhook(arrivals: Arrivals) -> str:
    _, body = arrivals.requests[0]
    shortened = {**body, "text": f"{body['text'][:60]}…"}
    shown = html.escape(json.dumps(shortened, indent=1, ensure_ascii=False))
    return page_of("#17202a", "POST to your webhook, application/json", f"<pre>{shown}</pre>")


def _call(arrivals: Arrivals) -> str:
    _, fields = arrivals.requests[0]
    spoken = [html.unescape(text) for text in re.findall(r"<Say>(.*?)</Say>", fields["Twiml"], re.DOTALL)]
    said = "\n".join(f"“{text}”" for text in spoken)
    return page_of("#1f8f4d", f"call from {fields['From']}", text_part(said), buttons_part("Decline", "Answer"))


PICTURES: Mapping[str, Callable[[Arrivals], str]] = {
    "telegram": _telegram,
    "pushover": _pushover,
    "ntfy": _ntfy,
    "discord": _discord,
    "slack": _slack,
    "mail": _mail,
    "webhook": _webhook,
    "call": _call,
}


async def make_pictures(folder: Path) -> None:
    """Send the example through every channel, and take the picture of each."""
    pages: dict[str, Any] = {service: draw(await capture(service)) for service, draw in PICTURES.items()}
    async with open_browser() as browser:
        page = await browser.new_page(viewport={"width": WIDTH, "height": 100}, device_scale_factor=SCALE)
        for service, content in pages.items():
            await page.set_content(content)
            shot = Image.open(io.BytesIO(await page.locator("body").screenshot()))
            shot.convert("RGB").quantize(COLORS).save(folder / f"{service}.png", optimize=True)
            print(f"{service}.png")


if __name__ == "__main__":
    pictures = Path(sys.argv[1])
    pictures.mkdir(parents=True, exist_ok=True)
    asyncio.run(make_pictures(pictures))
