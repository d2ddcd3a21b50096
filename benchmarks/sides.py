"""Two ways of doing a thing, in turns in one run: what the machine does to one it does to both."""

import statistics
import sys
import time
from collections.abc import Callable


def rate(times: int, act: Callable[[int], None]) -> float:
    """Calls a second, over this many calls."""
    began = time.perf_counter()
    for number in range(times):
        act(number)
    return times / (time.perf_counter() - began)


def compare(name: str, floor: Callable[[], float], ours: Callable[[], float], rounds: int) -> None:
    """Measure both in turns, and print the median of the ratios beside the medians of the rates."""
    floor(), ours()  # warm
    pairs = [(floor(), ours()) for _ in range(rounds)]
    ratios = sorted(mine / theirs for theirs, mine in pairs)
    theirs = statistics.median(pair[0] for pair in pairs)
    mine = statistics.median(pair[1] for pair in pairs)
    sys.stdout.write(
        f"{name:<52} {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        f"   {mine:>7,.0f}/s of {theirs:>7,.0f}/s\n"
    )
    sys.stdout.flush()
