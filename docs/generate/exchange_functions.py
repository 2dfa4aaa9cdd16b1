"""Function tables of docs/exchange.md: `python -m docs.generate.exchange_functions docs/exchange.md`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from monitor.exchange.binance.api.catalogue import ALIASES, FUNCTIONS, TOPIC_MODULES, AnyEndpointFunction
from monitor.exchange.binance.api.endpoint import SecurityType
from monitor.exchange.binance.api.endpoint_function import Parameter, ReadFunction, WriteFunction
from monitor.exchange.binance.rate_limits import CountedBy

BEGIN = "<!-- functions: made by python -m docs.generate.exchange_functions -->"
END = "<!-- end of functions -->"

TESTS = "tests/integration/exchange/test_every_function.py"
"""Test module of every function; the test's own name follows from what the function does."""

_POOLS: dict[CountedBy, str] = {"ip": "IP", "uid": "UID"}
_SECURITY = {SecurityType.NONE: "none", SecurityType.KEY: "key", SecurityType.SIGNED: "signed"}


def page(written: str) -> str:
    """Return the page with its tables renewed, its other text unchanged. Raises ValueError without the marks."""
    before, begin, rest = written.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """Return a table for each topic, and one of the other names."""
    parts = []
    for topic in TOPIC_MODULES:
        heading = (topic.__doc__ or "").partition("\n")[0].rstrip(".")
        rows = [_row(function) for function in FUNCTIONS.values() if vars(topic).get(function.name) is function]
        parts.append("\n".join((f"### {heading}", "", *_HEAD, *rows)))
    others = [f"| `{alias}` | `{name}` |" for alias, name in sorted(ALIASES.items())]
    parts.append("\n".join(("### Other names", "", "| name | the same as |", "|---|---|", *others)))
    return "\n\n".join(parts) + "\n"


def main(words: Sequence[str]) -> int:
    """Renew the named pages."""
    for word in words:
        path = Path(word)
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


_HEAD = (
    "| function | what it tells or does | endpoint | asks | weight | parameters | test |",
    "|---|---|---|---|---|---|---|",
)


def _row(function: AnyEndpointFunction) -> str:
    changes = "**changes** " if isinstance(function, WriteFunction) else ""
    walked = " Walked." if isinstance(function, ReadFunction) and function.history is not None else ""
    if function.is_local:
        nothing, test = "nothing is asked | – | –", "`tests/cli/commands/test_call.py`"
        return f"| `{function.name}` | {function.summary} | {nothing} | {_parameters(function)} | {test} |"
    endpoint = function.endpoint
    weight = f"{endpoint.weight} {_POOLS[endpoint.counted]}"
    if function.weight_of is not None:
        weight = (
            f"{function.weight_of({})} to {weight}" if function.weight_of({}) != endpoint.weight else f"up to {weight}"
        )
    return (
        f"| `{function.name}` | {changes}{function.summary}{walked} | `{endpoint.name}` "
        f"| {_SECURITY[endpoint.security]} | {weight} | {_parameters(function)} | `{_test(function)}` |"
    )


def _test(function: AnyEndpointFunction) -> str:
    return "test_change_is_accepted…" if isinstance(function, WriteFunction) else "test_read_answers…"


def _parameters(function: AnyEndpointFunction) -> str:
    implied = [f"{name}={value}" for name, value in function.fixed_params.items()]
    return ", ".join([*(_shown(parameter) for parameter in function.parameters), *implied]) or "–"


def _shown(parameter: Parameter) -> str:
    return f"**{parameter.name}**" if parameter.is_required else parameter.name


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
