"""The picture of the page in the README: its script makes one during the demo."""

from pathlib import Path

import pytest
from PIL import Image

from docs.generate.page_picture import make_picture
from tests.docs.pages import CHECKOUT
from tests.integration.web.browser import needs_browser


@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_browser
async def test_script_makes_the_picture_of_the_page(tmp_path: Path) -> None:
    await make_picture(tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as made, Image.open(CHECKOUT / "docs" / "images" / "page.png") as shown:
        assert made.size == shown.size
