"""The table of clients in docs/exchange.md: `python -m tests.sandbox.foreign.disagreements docs/exchange.md`."""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

with warnings.catch_warnings():
    # It still imports names that its own dependencies call deprecated.
    warnings.simplefilter("ignore")
    from binance.client import Client

from monitor.exchange.binance.api.catalogue import FUNCTIONS

BEGIN = "<!-- clients: made by python -m tests.sandbox.foreign.disagreements -->"
END = "<!-- end of clients -->"

CLIENTS = ("binance-sdk-margin-trading", "python-binance", "ccxt")
FAMILIAR = (
    "get_isolated_margin_all_symbols",
    "get_margin_force_liquidation_record",
    "get_margin_fee",
    "get_isolated_margin_fee",
    "get_margin_dribblet",
    "margin_dust_log",
    "get_margin_interest_rate_history",
)
"""Names by which people know functions, of which this client is said to have none."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What a client does, what we do instead, and the test that shows it."""

    client: str
    does: str
    ours: str
    test: str


def missing_names() -> list[str]:
    """The familiar names that python-binance does not have, and we do."""
    return [name for name in FAMILIAR if not hasattr(Client, name) and name in FUNCTIONS]


def _all() -> tuple[Disagreement, ...]:
    from tests.sandbox.foreign.test_python_binance import RETIRED

    sdk, pb, ccxt = CLIENTS
    retired = ", ".join(f"`{name}`" for name, _ in RETIRED)
    missing = ", ".join(f"`{name}`" for name in missing_names())
    return (
        Disagreement(
            sdk,
            "fails on the answer to `POST exchange-small-liability`, documented as empty, although it was done",
            "empty is accepted, and so is an object",
            "test_the_sdk_can_not_read_the_empty_answer_of_small_liabilities",
        ),
        Disagreement(
            sdk,
            "reads none of the `X-SAPI-USED-…` headers: its `rate_limits` stay empty",
            "counted from these headers",
            "test_weights_stand_in_headers_that_the_sdk_itself_does_not_read",
        ),
        Disagreement(
            sdk,
            "still has `leverageBracket`, which the exchange dropped",
            "decoded, never asked",
            "test_refusals_and_retired_paths_arrive_as_errors",
        ),
        Disagreement(
            pb,
            "signs lists with their commas as they are: -1022",
            "the percent-encoded text is signed",
            "test_lists_with_commas_are_refused_since_it_signs_them_unencoded",
        ),
        Disagreement(
            pb,
            "asks `//margin/delist-schedule`, with two slashes: 404",
            "one slash",
            "test_python_binance_asks_the_delist_schedule_with_two_slashes",
        ),
        Disagreement(
            pb,
            f"asks paths that are gone in {retired}: 404",
            "the familiar ones of these names ask today's endpoints",
            "test_functions_of_retired_paths_fail_and_move_nothing",
        ),
        Disagreement(
            pb,
            f"never had {missing}",
            "they are there, and its own names are understood too",
            "test_python_binance_lacks_seven_familiar_names",
        ),
        Disagreement(
            pb,
            "sends /sapi to production whatever `testnet` says",
            "every address comes from the configuration",
            "test_python_binance_sends_sapi_to_production_whatever_is_set",
        ),
        Disagreement(
            ccxt,
            "asks for a listen token unsigned, by the key alone; python-binance signs it; both are served",
            "signed",
            "test_listen_tokens_are_asked_for_signed_and_unsigned",
        ),
        Disagreement(
            ccxt,
            "moves spot to isolated by `MAIN_ISOLATED_MARGIN`, which the official list lacks",
            "tried; where it is refused, by way of cross",
            "test_transfers_show_in_the_history",
        ),
        Disagreement(
            ccxt,
            "still has `margin/loan`, `margin/transfer`, `margin/dust`, `margin/asset` and `leverageBracket`",
            "none is asked",
            "test_retired_paths_fail",
        ),
    )


DISAGREEMENTS = _all()


def page(written: str) -> str:
    """The page with its table renewed. Raises ValueError without the marks."""
    before, begin, rest = written.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    rows = [f"| {one.client} {version(one.client)} | {one.does} | {one.ours} | `{one.test}` |" for one in DISAGREEMENTS]
    table = "\n".join(("| client | what it does | ours | test |", "|---|---|---|---|", *rows))
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def main(words: Sequence[str]) -> int:
    """Renews the pages named."""
    for word in words:
        path = Path(word)
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
