"""Hooks of the documentation's site (mkdocs.yml): files of the checkout to which pages link are its pages, too."""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
ADDED = "checkout"
"""The folder of the site for files that lie outside of docs/."""

_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")
_CODE = re.compile(r"`[^`\n]*`")
_LANGUAGES = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".py": "python", ".json": "json"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add each file outside of docs/ to which a page links."""
    for path in find_linked_files():
        files.append(File.generated(config, site_path(path), content=page_text(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files of the checkout into links to their pages, and write tables as the site reads them."""
    if page.parent is None:
        # Its sidebar would have one line: itself.
        page.meta["hide"] = ["navigation"]
    sources = {site_path(path): path for path in find_linked_files()}
    source = sources.get(page.file.src_uri, DOCS / page.file.src_uri)
    start = posixpath.dirname(page.file.src_uri)

    def relink(link: re.Match[str]) -> str:
        target = (source.parent / link["path"]).resolve()
        if not target.is_file() or not target.is_relative_to(CHECKOUT):
            return link[0]
        return posixpath.relpath(site_path(target), start) + (link["anchor"] or "")

    return unescape_bars(_LINK.sub(relink, markdown))


def unescape_bars(markdown: str) -> str:
    """Drop the backslash before a bar in the code of a table: the hosting sites need it, and this one shows it."""
    lines = markdown.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("|"):
            lines[number] = _CODE.sub(lambda code: code[0].replace("\\|", "|"), line)
    return "\n".join(lines)


def find_linked_files() -> list[Path]:
    """Every file outside of docs/ to which a page of docs/ links, or a page among these files."""
    found: set[Path] = set()
    unread = sorted(DOCS.rglob("*.md"))
    while unread:
        page = unread.pop()
        for link in _LINK.finditer(page.read_text(encoding="utf-8")):
            target = (page.parent / link["path"]).resolve()
            if target in found or target.is_relative_to(DOCS) or not target.is_relative_to(CHECKOUT):
                continue
            if target.is_file():
                found.add(target)
                unread += [target] if target.suffix == ".md" else []
    return sorted(found)


def site_path(path: Path) -> str:
    """The place of a file's page among the sources of the site."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    name = path.relative_to(CHECKOUT).as_posix()
    # A README would become the front page of its folder.
    name = name.replace("README.md", "OVERVIEW.md")
    return f"{ADDED}/{name}" if path.suffix == ".md" else f"{ADDED}/{name}.md"


def page_text(path: Path) -> str:
    """The text of a page; any other file is quoted."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    name = path.relative_to(CHECKOUT).as_posix()
    return f"# `{name}`\n\n~~~~ {_LANGUAGES.get(path.suffix, 'text')}\n{text.rstrip()}\n~~~~\n"
