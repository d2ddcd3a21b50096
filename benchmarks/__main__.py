"""`python -m benchmarks [appends|http|claims|exports|replay] [--rounds N]`: ratios, measured side by side."""

import argparse
import os
import platform
import sys

from benchmarks import appends, claims, exports, http, replay

POSTGRES = os.environ.get("RUNNOTARY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")

MEASURED = {
    "appends": appends.measure,
    "http": http.measure,
    "claims": claims.measure,
    "exports": exports.measure,
    "replay": replay.measure,
}


def main() -> None:
    """Measure what is asked for; everything when nothing is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*MEASURED, []], default=[])
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    what = asked.what or list(MEASURED)
    load = os.getloadavg()[0]
    sys.stdout.write(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}\n")
    for name in what:
        MEASURED[name](POSTGRES, rounds=asked.rounds)


main()
