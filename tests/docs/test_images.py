"""Pictures of the documentation: each is made by a script, shown by a page, and small; the film of the pages is one."""

import importlib
from pathlib import Path

import pytest
from PIL import Image

from docs.generate.channel_pictures import PICTURES, make_pictures
from tests.docs.pages import CHECKOUT, PAGES, images
from tests.integration.web.browser import needs_browser

IMAGES = CHECKOUT / "docs" / "images"
MAX_BYTES = 2_000_000

MAKERS = {
    "demo.png": "monitor.cli.commands.demo",
    "page.png": "docs.generate.page_picture",
    "walk.webp": "docs.generate.page_film",
    **{f"channels/{service}.png": "docs.generate.channel_pictures" for service in PICTURES},
}
"""The module that makes each picture."""

NAMES = sorted(str(path.relative_to(IMAGES)) for path in IMAGES.rglob("*.*"))


def test_every_picture_has_a_script_and_every_script_its_picture() -> None:
    assert sorted(MAKERS) == NAMES


@pytest.mark.parametrize("module", sorted(set(MAKERS.values()) - {MAKERS["demo.png"]}))
def test_script_says_how_it_is_called(module: str) -> None:
    target = next(name for name, maker in MAKERS.items() if maker == module)
    path = f"docs/images/{target}" if "/" not in target else f"docs/images/{Path(target).parent}"
    assert f"`python -m {module} {path}`" in (importlib.import_module(module).__doc__ or "")


def test_every_picture_is_shown_and_every_shown_one_is_there() -> None:
    assert {picture for page in PAGES for picture in images(page)} == {IMAGES / name for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_small(name: str) -> None:
    assert (IMAGES / name).stat().st_size <= MAX_BYTES


def test_walk_over_the_pages_is_a_film_of_a_phone() -> None:
    with Image.open(IMAGES / "walk.webp") as film:
        assert film.size[0] == 390
        assert getattr(film, "n_frames", 1) >= 20


@pytest.mark.slow
@needs_browser
# Apprise itself imports a module that Python has deprecated.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_script_makes_the_picture_of_every_channel(tmp_path: Path) -> None:
    await make_pictures(tmp_path)
    for service in PICTURES:
        with (
            Image.open(tmp_path / f"{service}.png") as new,
            Image.open(IMAGES / "channels" / f"{service}.png") as shown,
        ):
            assert new.size[0] == shown.size[0]
