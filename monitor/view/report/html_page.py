"""The report as one HTML page without scripts or external resources, for phone and desktop, light and dark."""

import re
from collections.abc import Iterable
from html import escape

from monitor.view.formatting import format_threshold, format_timestamp
from monitor.view.json_values import Document, parse_json_decimal
from monitor.view.report.attention import format_report_time, scope_label
from monitor.view.report.sparkline import level_sparkline
from monitor.view.report.text import ReportSection, level_lines, report_headline, report_period, report_sections
from monitor.view.terminal.table import Cell

_CODE = re.compile(r"`([^`]+)`")
_NOWRAP = re.compile(r"(?<![\d-])(\d\d-\d\d \d\d:\d\d(?!:)|\d[\d.,]* %)")
"""A time or a share in a report: a line must not break within one."""

_CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load nothing, so that text injected by a message can't load anything either."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2937; --pale: #5b6472; --paper: #ffffff; --room: #f3f4f6; --edge: #d9dde3;
  --good: #15803d; --note: #b45309; --bad: #b91c1c; --level: #1d4ed8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --pale: #9ca3af; --paper: #111418; --room: #1b2027;
  --edge: #323943; --good: #4ade80; --note: #fbbf24; --bad: #f87171; --level: #60a5fa; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem 1rem 3rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .3rem; }
h2 { font-size: .8rem; text-transform: uppercase; letter-spacing: .06em; color: var(--pale); margin: 1.8rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .2rem; }
p, ul { margin: 0; padding: 0; list-style: none; }
li { padding: .12rem 0; font-variant-numeric: tabular-nums; }
li.in { padding-left: 1.1rem; color: var(--pale); }
li.in.bad { color: var(--bad); }
.pale { color: var(--pale); font-size: .9rem; }
.good { color: var(--good); } .note { color: var(--note); } .bad { color: var(--bad); } .strong { font-weight: 600; }
.dim { color: var(--pale); } .at { white-space: nowrap; }
.look { border-left: .3rem solid var(--bad); background: var(--room); padding: .6rem .8rem; border-radius: .3rem; }
.look.well { border-color: var(--good); }
.scopes { display: grid; gap: .8rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); }
.scope { background: var(--room); border: 1px solid var(--edge); border-radius: .5rem; padding: .8rem; }
svg { display: block; width: 100%; height: 4.5rem; margin: .5rem 0 .1rem; }
svg polyline, svg line { fill: none; vector-effect: non-scaling-stroke; }
.level { stroke: var(--level); stroke-width: 2; } circle.level { fill: var(--level); }
.initial { stroke: var(--pale); stroke-dasharray: 3 4; } .margin_call { stroke: var(--note); stroke-dasharray: 6 3; }
.liquidation { stroke: var(--bad); }
.key { display: flex; flex-wrap: wrap; gap: 0 .9rem; font-size: .8rem; color: var(--pale); }
code { font: .85rem/1.4 ui-monospace, monospace; }
"""


def report_page(document: Document) -> str:
    """The HTML page of a report."""
    first, _, *others = report_sections(document)
    is_well = all(cell.tone == "good" for cell in first.lines)
    parts = [
        f"<h1>{escape(report_headline(document))}</h1>",
        f'<p class="pale">{escape(report_period(document))}; times are UTC</p>',
        f"<h2>{escape(first.title)}</h2>",
        f'<div class="look{" well" if is_well else ""}">{_cell_list(first.lines)}</div>',
        "<h2>Levels</h2>",
        f'<div class="scopes">{"".join(_cards(document))}</div>',
        *(_section(section) for section in others),
        f'<p class="pale" style="margin-top:2rem">made {escape(format_timestamp(document["generated_at"]))} by '
        f"margin-monitor {escape(document['version'])}</p>",
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_CONTENT_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report_headline(document))}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _cards(document: Document) -> Iterable[str]:
    for account in document["accounts"]:
        if not account["scopes"]:
            yield f'<div class="scope bad">{escape(account["account"])}: nothing is recorded of it</div>'
        for entry in account["scopes"]:
            yield _card(account["account"], entry, document)


def _card(account: str, entry: Document, document: Document) -> str:
    name = scope_label(account, entry)
    # The heading names the scope.
    lines = [Cell(cell.text.removeprefix(f"{name}: ").strip(), cell.tone) for cell in level_lines(account, entry)]
    drawn = level_sparkline(entry, escape(f"level of {name}"))
    span = ""
    if drawn:
        bars = (("initial", "initial"), ("margin_call", "margin call"), ("liquidation", "liquidation"))
        known = [
            f"{word} {format_threshold(parse_json_decimal(entry[f'{bar}_level']))}"
            for bar, word in bars
            if entry[f"{bar}_level"]
        ]
        times = f"{format_report_time(document['since'])} – {format_report_time(document['until'])}"
        span = f'<div class="key"><span>{escape(times)}</span><span>{escape(", ".join(known))}</span></div>'
    return f'<div class="scope"><h3>{escape(name)}</h3>{_cell_list(lines)}{drawn}{span}</div>'


def _section(section: ReportSection) -> str:
    return f"<h2>{escape(section.title)}</h2>{_cell_list(section.lines)}"


def _cell_list(cells: Iterable[Cell]) -> str:
    lines = []
    for cell in cells:
        names = " ".join(name for name in ("in" if cell.text.startswith("  ") else "", cell.tone) if name)
        words = _NOWRAP.sub(r'<span class="at">\1</span>', _CODE.sub(r"<code>\1</code>", escape(cell.text.strip())))
        lines.append(f'<li class="{names}">{words}</li>' if names else f"<li>{words}</li>")
    return f"<ul>{''.join(lines)}</ul>"
