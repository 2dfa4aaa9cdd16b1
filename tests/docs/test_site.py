"""The documentation as a site: built without a warning, every page in two clicks, nothing loaded from elsewhere."""

import fcntl
import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import ViewportSize

from docs.generate.site_pages import unescape_bars
from tests.docs.pages import CHECKOUT
from tests.integration.web.browser import needs_browser, open_browser, overflow
from tests.support.postgres import SHARED

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1440, "height": 900}
LOADING = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class PageLinks(HTMLParser):
    """The links in the article of a page, and the addresses that it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self._is_article = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_article = self._is_article or tag == "article"
        for name, value in attrs:
            if tag == "a" and name == "href" and self._is_article and value:
                self.links.append(value)
            if (tag, name) in LOADING and value:
                self.loaded.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._is_article = False


def build(folder: Path) -> None:
    """Build the site into `folder`, as `./dev docs` does."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert built.returncode == 0, f"{built.stdout}\n{built.stderr}"


def linked(page: Path) -> set[Path]:
    """The pages of the site to which the article of `page` links."""
    targets = (urlsplit(link) for link in PageLinks(page).links)
    local = {(page.parent / one.path).resolve() for one in targets if not one.netloc and one.path.endswith(".html")}
    return {target for target in local if target.is_file()}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which the folder is served on loopback."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Path:
    """The folder of the site, built once for all processes of this test session."""
    session = Path(os.environ[SHARED])
    with (session / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (session / "site" / "sitemap.xml").exists():
            build(session / "site")
    return session / "site"


def test_two_clicks_lead_to_every_page(site: Path) -> None:
    pages = {page for page in site.rglob("*.html") if page.name != "404.html"}
    first = linked(site / "index.html")
    reached = {site / "index.html"} | first | {page for one in first for page in linked(one)}
    assert {str(page.relative_to(site)) for page in pages - reached} == set()


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loaded = {address for page in site.rglob("*.html") for address in PageLinks(page).loaded}
    assert loaded
    assert {address for address in loaded if urlsplit(address).netloc} == set()


@pytest.mark.parametrize(
    ("source", "shown"),
    [("| `a\\|b` | x\\|y |", "| `a|b` | x\\|y |"), ("a `b\\|c`", "a `b\\|c`"), ("| `a` \\| `b` |", "| `a` \\| `b` |")],
)
def test_bars_in_the_code_of_tables_are_shown_bare(source: str, shown: str) -> None:
    assert unescape_bars(source) == shown


@pytest.mark.slow
@needs_browser
async def test_site_fits_a_phone_and_a_desk_and_asks_no_other_host(site: Path) -> None:
    asked: set[str] = set()
    with served(site) as address:
        async with open_browser() as browser:
            for size in (PHONE, DESK):
                context = await browser.new_context(viewport=size)
                page = await context.new_page()
                page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
                for path in ("index.html", "start.html", "guide/cookbook.html", "reference/configuration.html"):
                    await page.goto(f"{address}/{path}")
                    assert await overflow(page) <= 0, path
                await context.close()
    assert asked == {urlsplit(address).netloc}
