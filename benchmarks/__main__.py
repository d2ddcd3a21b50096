"""`python -m benchmarks [appends|http] [--rounds N]`: figures as ratios, measured side by side."""

import argparse
import os
import platform
import sys

from benchmarks import appends, http

POSTGRES = os.environ.get("RUNNOTARY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


def main() -> None:
    """Measure what is asked for; everything when nothing is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", choices=["appends", "http", []], default=[])
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    what = asked.what or ["appends", "http"]
    load = os.getloadavg()[0]
    sys.stdout.write(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}\n")
    if "appends" in what:
        appends.measure(POSTGRES, rounds=asked.rounds)
    if "http" in what:
        http.measure(POSTGRES, rounds=asked.rounds)


main()
