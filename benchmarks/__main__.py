"""All benchmarks one after the other, or the named ones: `python -m benchmarks [--quick] [g01 g13 …]`.

`compare BASE` measures two commits in turns.
"""

import argparse
import importlib
import sys

from benchmarks import compare
from benchmarks.report import print_findings

MODULES = (
    *("g01", "g05", "g06", "g08", "g09", "g12", "g13", "g14", "g15", "g16"),
    *("g19", "g20", "g23", "g26", "g27", "g28"),
)


def main() -> int:
    """Exit 0 when all could be measured, whatever the results."""
    if sys.argv[1:2] == ["compare"]:
        return compare.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MODULES)}; all without any")
    parser.add_argument("--quick", action="store_true", help="short runs: they work, their figures are rough")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(MODULES))
    if unknown:
        parser.error(f"no benchmark {unknown[0]}; there are {', '.join(MODULES)}")
    failed = False
    for name in given.names or MODULES:
        try:
            print_findings(importlib.import_module(f"benchmarks.{name}").measure(given.quick), as_json=given.json)
        except (RuntimeError, TimeoutError, OSError) as error:
            failed = True
            print(f"{name}: not measured: {error}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
