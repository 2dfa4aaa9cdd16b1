"""What the pages say is so: configurations load, links lead somewhere, what is missing is named."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from monitor.app.documents.exports import EXPORTS
from monitor.cli.parser import COMMANDS
from monitor.config.loading import build_config
from monitor.config.unsupported_keys import UNSUPPORTED as UNBUILT_KEYS
from monitor.core.model.metric import METRICS
from tests.docs.pages import CHECKOUT, PAGES, Block, anchors, blocks, links, prose, section, table_rows

ACCOUNT = '\n[[accounts]]\nname = "main"\napi_key = "env:KEY"\napi_secret = "env:SECRET"\n'

README = CHECKOUT / "README.md"
MISSING = section(README, "What it does not do yet")

HOSTS = {"github.com", "127.0.0.1", "db.example", "monitor.example", "host", "example.org", "ntfy.sh"}
"""Hosts that pages may name, besides the exchange's own in the reference of defaults; yours are WORDS in capitals."""


def is_of_rehearsals(block: Block) -> bool:
    """Whether it is a file of tests, or a portfolio."""
    return not {"tests", "cross"}.isdisjoint(tomllib.loads(block.text))


CONFIGURATIONS = [block for block in blocks("toml") if not is_of_rehearsals(block)]


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=lambda block: block.place)
def test_a_configuration_of_the_pages_loads(block: Block, tmp_path: Path) -> None:
    complete = block.text if "accounts" in tomllib.loads(block.text) else block.text + ACCOUNT
    config = build_config(complete.encode(), tmp_path / "config.toml", {})
    assert config.accounts
    # What is copied from a page moves no money unless a person says so.
    assert {(action.mode, action.on_no_answer) for action in config.actions} <= {
        ("dry-run", "skip"),
        ("approve", "skip"),
    }


def test_the_example_configuration_says_no_more_than_the_ladder() -> None:
    example = CHECKOUT / "config" / "margin-monitor.example.toml"
    config = build_config(example.read_bytes(), example, {})
    assert {action.mode for action in config.actions} == {"dry-run"}


def test_the_actions_that_the_ladder_proposes_load(tmp_path: Path) -> None:
    ladder = (CHECKOUT / "config" / "rules" / "ladder.toml").read_text(encoding="utf-8")
    proposed = [line for line in ladder.partition("# ---- Actions: off.")[2].splitlines() if line.startswith("#")]
    tables = "\n".join(line.removeprefix("#").strip() for line in proposed)
    text = tables[tables.index("[[rules]]") :]
    config = build_config((text + ACCOUNT).encode(), tmp_path / "config.toml", {})
    assert [action.kind for action in config.actions] == ["repay", "transfer_in"]


def test_every_link_leads_somewhere() -> None:
    assert len(PAGES) > 50
    assert {place(page): broken for page in PAGES if (broken := broken_links(page))} == {}


def broken_links(page: Path) -> list[str]:
    """The links of a page to a file or an anchor that is not there."""
    broken = []
    for target in links(page):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        if not to.is_file() or (anchor and anchor not in anchors(to)):
            broken.append(target)
    return broken


def place(page: Path) -> str:
    """The page's path from the checkout on."""
    return str(page.relative_to(CHECKOUT))


def test_every_row_of_a_table_has_a_cell_for_each_heading() -> None:
    assert {place(page): rows for page in PAGES if (rows := uneven_rows(page))} == {}


def uneven_rows(page: Path) -> list[str]:
    """The first cells of the rows that have more or fewer cells than their table has headings."""
    return [row[0] for head, *rows in table_rows(page) for row in rows if len(row) != len(head)]


def test_mapping_for_tax_tools_names_histories_and_columns_that_exist() -> None:
    page = CHECKOUT / "docs" / "guide" / "export.md"
    (mapping,) = (rows for rows in table_rows(page) if rows[0] == ["row here", "Koinly", "BittyTax"])
    known = {*EXPORTS, *EXPORTS["interest"].columns, *EXPORTS["movements"].columns, "capital-flow", "transfer"}
    named = {word for row in mapping[1:] for word in re.findall(r"`([a-z_-]+)`", row[0])}
    assert {"at", "asset", "account", "key", "tx_id", "kind", "type"} <= named <= known


def test_only_allowed_hosts_are_named() -> None:
    assert {place(page): strange for page in PAGES if (strange := strange_hosts(page))} == {}


def strange_hosts(page: Path) -> set[str]:
    """The hosts of the page's addresses that it may not name."""
    found = re.findall(r"[a-z+]+://[\w.@:-]+", page.read_text(encoding="utf-8"))
    named = {urlsplit(url).netloc.rpartition("@")[2].partition(":")[0] for url in found}
    strange = {host for host in named if host not in HOSTS and host and not re.fullmatch(r"[A-Z_]+", host)}
    is_reference = page.parent.name == "reference"
    return {host for host in strange if not (is_reference and host.endswith(".binance.com"))}


def test_every_key_that_is_missing_is_named_as_missing() -> None:
    said = set(re.findall(r"`([^`]+)`", MISSING))
    tables = {f"[{path}]" for path in UNBUILT_KEYS if "." not in path}
    keys = {path.rpartition(".")[2] for path in UNBUILT_KEYS if "." in path}
    words = set(re.findall(r"\w+", " ".join(said)))
    assert (tables - said, keys - words) == (set(), set())


def test_nothing_available_is_named_as_missing() -> None:
    assert {name for name in METRICS if f"`{name}`" in MISSING} == set()


def test_commands_named_in_passing_exist() -> None:
    named = {(place(page), word) for page in PAGES for word in re.findall(r"`margin-monitor ([a-z]+)", prose(page))}
    assert named
    assert {(page, word) for page, word in named if word not in COMMANDS} == set()


def test_the_promised_minutes_of_warning_are_those_that_the_shipped_rules_give_live() -> None:
    promised = [tuple(line.split(" | ")[1:]) for line in _rows(section(README, "What an alert can and can't do"))]
    measured = [line.split(" | ") for line in _rows(section(CHECKOUT / "docs" / "benchmarks.md", "Minutes of warning"))]
    assert promised
    assert promised == [tuple(line[1].split(" / ")) for line in measured]


def _rows(text: str) -> list[str]:
    """The rows of the first table of figures, without their outer bars."""
    return [line.strip("| ") for line in text.splitlines() if re.match(r"\| [^|]*\(\d\.\d\d\) \|", line)]
