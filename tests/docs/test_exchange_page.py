"""docs/exchange.md is what the code says."""

from pathlib import Path

import pytest

from docs.generate.exchange_functions import TESTS, main, page
from monitor.exchange.binance.api.catalogue import ALIASES, FUNCTIONS
from tests.integration.exchange import test_every_function

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "exchange.md"


def test_exchange_page_is_current() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert page(written) == written, "run `./dev run python -m docs.generate.exchange_functions docs/exchange.md`"


def test_every_function_and_name_is_listed() -> None:
    written = PAGE.read_text(encoding="utf-8")
    for name in (*FUNCTIONS, *ALIASES):
        assert f"| `{name}` |" in written


def test_the_tests_that_it_names_are_there() -> None:
    assert (CHECKOUT / TESTS).samefile(test_every_function.__file__)
    written = PAGE.read_text(encoding="utf-8")
    for name in ("test_change_is_accepted", "test_read_answers"):
        assert f"`{name}…`" in written
        assert any(one.startswith(name) for one in vars(test_every_function))


def test_a_page_is_renewed_in_place_and_keeps_its_prose(tmp_path: Path) -> None:
    copy = tmp_path / "page.md"
    copy.write_text(PAGE.read_text(encoding="utf-8").replace("`get_bnb_burn`", "`gone`") + "\nmine\n", encoding="utf-8")
    assert main([str(copy)]) == 0
    assert copy.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8") + "\nmine\n"


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="lacks"):
        page("# a page\n")
