"""Replays of logs of growing size, beside reading their rows, and beside a peer that loads the same runs.

Each figure is taken in a process of its own, which tells its time and the most memory that it and its
workers held.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from api.exports import FORMATS, blocks
from api.replay.rebuild import rebuild
from api.replay.report import Report
from api.replay.verify import verify
from benchmarks import histories, peer
from benchmarks.databases import postgresql_database
from eventstore import store
from eventstore.database import connect_to_read, open_engine, open_to_read, reading
from eventstore.snapshot import Snapshot

SIZES = (10_000, 100_000, 1_000_000)
FETCHED = 1_000
ROWS = f"SELECT {', '.join(store.NAMES)} FROM events ORDER BY position"


def read(url: str) -> int:
    """Read every row of the log with the driver alone."""
    parsed, count = make_url(url), 0
    if parsed.get_backend_name() == "sqlite":
        cursor = connect_to_read(str(parsed.database)).execute(ROWS)
        while rows := cursor.fetchmany(FETCHED):
            count += len(rows)
        return count
    with psycopg.connect(url) as connection, connection.cursor(name="rows") as named:
        named.execute(ROWS)
        while fetched := named.fetchmany(FETCHED):
            count += len(fetched)
    return count


def verified(url: str) -> int:
    """Verify the log and the tables."""
    return replayed(verify(open_to_read(url)))


def rebuilt(url: str) -> int:
    """Make the tables anew."""
    return replayed(rebuild(open_engine(url)))


def replayed(steps: Iterator[object]) -> int:
    """The events of a replay that finds nothing wrong."""
    *_, report = steps
    assert isinstance(report, Report)
    assert not report.found
    return report.events


def exported(url: str) -> int:
    """Export the log line by line, and throw the lines away."""
    taken = Snapshot.of(partial(reading, open_to_read(url)))
    for _ in blocks(FORMATS["ndjson"].pieces(taken)):
        pass
    return taken.total


def loaded_by_peer(url: str) -> int:
    """Load every aggregate with pyeventsourcing."""
    file = Path(str(make_url(url).database))
    return peer.load(file, int(file.stem.rpartition("-")[2]))


SIDES: dict[str, Callable[[str], int]] = {
    "read": read,
    "verify": verified,
    "rebuild": rebuilt,
    "export": exported,
    "pyeventsourcing": loaded_by_peer,
}


def measure(postgres: str, rounds: int, sizes: tuple[int, ...] = SIZES) -> None:
    """Measure on SQLite at every size, beside the peer, and on PostgreSQL at the middle one."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/log.db"
            events = histories.fill(open_engine(url), size)
            runs = events // len(histories.STORY)
            theirs = Path(folder) / f"peer-{runs}.db"
            peer.fill(theirs, events)
            told = dict.fromkeys(("verify", "rebuild", "export"), url) | {
                "pyeventsourcing": f"sqlite:///{theirs}"
            }
            compare(f"SQLite, {events:,} events, {runs:,} runs", url, told, rounds)
    with postgresql_database(postgres) as url:
        events = histories.fill(open_engine(url), sizes[-2])
        compare(
            f"PostgreSQL, {events:,} events", url, dict.fromkeys(("verify", "rebuild", "export"), url), rounds
        )


def compare(name: str, floor: str, sides: dict[str, str], rounds: int) -> None:
    """Take the sides in turns, and print each beside reading the rows."""
    turns = [
        {side: alone(side, url) for side, url in ({"read": floor} | sides).items()} for _ in range(rounds)
    ]
    sys.stdout.write(f"{name}\n")
    for side in ("read", *sides):
        ratios = sorted(turn[side]["seconds"] / turn["read"]["seconds"] for turn in turns)
        rate = statistics.median(turn[side]["events"] / turn[side]["seconds"] for turn in turns)
        memory = statistics.median(turn[side]["mib"] for turn in turns)
        sys.stdout.write(
            f"  {side:<16} {statistics.median(ratios):5.2f} x ({ratios[0]:.2f}-{ratios[-1]:.2f})"
            f" the time of reading   {rate:>9,.0f} events/s   {memory:5.0f} MiB\n"
        )
    sys.stdout.flush()


def alone(side: str, url: str) -> dict[str, float]:
    """One side, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.replay", side, url]
    told: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return told


def main() -> None:
    """Be one side, and tell what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("url")
    asked = parser.parse_args()
    began = time.perf_counter()
    events = SIDES[asked.side](asked.url)
    seconds = time.perf_counter() - began
    kib = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    sys.stdout.write(json.dumps({"events": events, "seconds": seconds, "mib": kib / 1024}))


if __name__ == "__main__":
    main()
