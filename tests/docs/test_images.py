"""Pictures of the documentation: small, and the film of the pages is one."""

import pytest
from PIL import Image

from tests.docs.pages import CHECKOUT

IMAGES = CHECKOUT / "docs" / "images"
MAX_BYTES = 2_000_000


@pytest.mark.parametrize("name", sorted(str(path.relative_to(IMAGES)) for path in IMAGES.rglob("*.*")))
def test_pictures_are_small(name: str) -> None:
    assert (IMAGES / name).stat().st_size <= MAX_BYTES


def test_walk_over_the_pages_is_a_film_of_a_phone() -> None:
    with Image.open(IMAGES / "walk.webp") as film:
        assert film.size[0] == 390
        assert getattr(film, "n_frames", 1) >= 20
